//! Categories of goods.

use super::answer::Object;
use super::answer::Refusal;
use super::answer::Success;
use super::call::Call;
use super::call::Fields;
use super::goods;
use super::options::Category;
use super::options::Right;
use super::state::RECORDS_MAX;
use super::state::State;

/// The rows of a page of children without `count`; also the most that a page can have.
const COUNT: i64 = 1000;
/// The id of the first category created through the API.
const FIRST: i64 = 1_000_001;

/// Handles `GET /company/{location}/goods_categories/{category}`: the categories below one; those below 0 are the
/// roots.
pub(super) fn children(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    call.query()?.end()?;
    let above = Some(call.id("category")).filter(|&id| id != 0);
    let below = state.categories.values().filter(|category| category.parent == above);
    let rows: Vec<_> = below.map(row).collect();
    let count = rows.len();
    Ok(Success::ok(rows).count(count))
}

/// Handles `GET /goods/category_node/{location}/{category}`.
pub(super) fn read_node(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    let mut query = call.query()?;
    let page = query.page(COUNT, &state.options.quirks)?;
    query.end()?;
    if page.count > 1000 {
        return Err(Refusal::field("count", "This value should be 1000 or less."));
    }
    let category = category(state, call.id("category"))?;
    let below = state.categories.values().filter(|child| child.parent == Some(category.id)).map(node);
    let goods = state.goods.values().filter(|good| good.row.category == category.id);
    let children: Vec<_> = below.chain(goods.map(|good| goods::node(&good.row))).collect();
    let count = children.len();
    Ok(Success::ok(
        node(category).with("children", page.of(children.into_iter())).with("children_count", count),
    ))
}

/// Handles `GET /goods_categories/multiple/{location}?ids[]=`.
pub(super) fn several(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    let mut query = call.query()?;
    let ids = query.repeated("ids[]")?;
    query.end()?;
    let rows: Vec<_> = ids.iter().filter_map(|id| state.categories.get(id)).map(row).collect();
    let count = rows.len();
    Ok(Success::ok(rows).count(count))
}

/// Handles `GET /goods_categories/{location}/{category}` with an array of one.
pub(super) fn read(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    call.query()?.end()?;
    Ok(Success::ok([row(category(state, call.id("category"))?)]))
}

/// Handles `POST /goods_categories/{location}`.
pub(super) fn create(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    state.options.permissions.require(Right::Goods)?;
    let last = state.categories.keys().next_back().copied().unwrap_or(0);
    let category = write(state, call.fields()?, last.saturating_add(1).max(FIRST))?;
    if state.categories.len() >= RECORDS_MAX {
        return Err(Refusal::new(500, "The sandbox is full"));
    }
    let row = row(&category);
    state.categories.insert(category.id, category);
    Ok(Success::created(row))
}

/// Handles `PUT /goods_categories/{location}/{category}`.
pub(super) fn replace(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    state.options.permissions.require(Right::Goods)?;
    let id = category(state, call.id("category"))?.id;
    let category = write(state, call.fields()?, id)?;
    let row = row(&category);
    state.categories.insert(id, category);
    Ok(Success::ok(row))
}

/// Handles `DELETE /goods_categories/{location}/{category}`, which is possible only for an empty category.
pub(super) fn delete(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    state.options.permissions.require(Right::Goods)?;
    let id = category(state, call.id("category"))?.id;
    let used = state.goods.values().any(|good| good.row.category == id)
        || state.categories.values().any(|child| child.parent == Some(id));
    if used {
        return Err(Refusal::field("category_id", "This category is not empty."));
    }
    state.categories.remove(&id);
    Ok(Success::empty(204))
}

/// Returns a category as a node of the tree.
pub(super) fn node(category: &Category) -> Object {
    Object::default()
        .with("parent_id", category.parent.unwrap_or(0))
        .with("item_id", 0)
        .with("category_id", category.id)
        .with("title", &category.title)
        .with("is_chain", false)
        .with("is_category", true)
        .with("is_item", false)
}

fn row(category: &Category) -> Object {
    Object::default()
        .with("id", category.id)
        .with("title", &category.title)
        .with("parent_category_id", category.parent)
        .with("is_chain", false)
}

fn category(state: &State, id: i64) -> Result<&Category, Refusal> {
    state.categories.get(&id).ok_or_else(Refusal::not_found)
}

fn write(state: &State, mut fields: Fields, id: i64) -> Result<Category, Refusal> {
    let title = fields.text("title")?;
    let parent = fields.optional_integer("parent_category_id")?.filter(|&parent| parent != 0);
    fields.optional_text("article")?;
    fields.optional_text("comment")?;
    if title.is_empty() {
        return Err(fields.wrong("title", "This value should not be blank."));
    }
    if parent.is_some_and(|parent| parent == id || !state.categories.contains_key(&parent)) {
        return Err(fields.wrong("parent_category_id", "This category does not exist."));
    }
    fields.end()?;
    Ok(Category { id, title, parent })
}
