//! Categories of goods, and the tree of categories and goods.
//!
//! Source: <https://developer.alteg.io/en/b2b-v1/openapi/products>, operations `get_product_category_list`,
//! `get_product_category_composition`, `get_product_category_list_by_ids`, `create_product_category`,
//! `update_product_category`, `delete_product_category` and `deprecated_get_product_category_list`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{found, parsed};
use crate::api::client::{Answer, Client};
use crate::api::{Error, Permit, lenient};
use crate::domain::ids::{CategoryId, GoodId};

/// The number of children on a page of a node; the service refuses more (`get_product_category_composition`, `count`).
const CHILDREN_PER_PAGE: usize = 1000;

/// A category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryRow {
    /// Its id.
    pub id: CategoryId,
    /// Its name.
    pub title: String,
    /// The category above it; `None` at the root.
    pub parent: Option<CategoryId>,
}

/// A category as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CategoryToWrite<'a> {
    /// Its name.
    pub title: &'a str,
    /// The category above it; `None` for the root.
    pub parent: Option<CategoryId>,
    /// The house's own code for it.
    pub article: Option<&'a str>,
    /// A free remark.
    pub comment: Option<&'a str>,
}

/// The category or good that a node of the tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// A category.
    Category(CategoryId),
    /// A good.
    Good(GoodId),
}

/// A node of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRow {
    /// The category or the good.
    pub node: Node,
    /// Its name.
    pub title: String,
    /// The category it is in; `None` at the root.
    pub parent: Option<CategoryId>,
}

/// A category with a page of the categories and goods directly in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryContent {
    /// The category.
    pub category: NodeRow,
    /// Categories and goods in it.
    pub children: Vec<NodeRow>,
    /// The number of them on all pages, if given.
    pub count: Option<i64>,
}

#[derive(Deserialize)]
struct CategoryWire<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
    #[serde(borrow)]
    parent_category_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct NodeWire<'a> {
    #[serde(borrow)]
    parent_id: Option<&'a RawValue>,
    #[serde(borrow)]
    item_id: Option<&'a RawValue>,
    #[serde(borrow)]
    category_id: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
    #[serde(borrow)]
    children: Option<&'a RawValue>,
    #[serde(borrow)]
    children_count: Option<&'a RawValue>,
}

/// Body of `POST /goods_categories/{location_id}` and `PUT /goods_categories/{location_id}/{category_id}`.
#[derive(Serialize)]
struct CategoryBody<'a> {
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_category_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    article: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
}

impl Client {
    /// Lists the categories directly below one, or at the root (`GET
    /// /company/{location_id}/goods_categories/{parent_category_id}`). The service's page has `Accept` and
    /// `Authorization` among the query parameters; they are headers.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn categories_below(
        &self,
        permit: Permit,
        parent: Option<CategoryId>,
    ) -> Result<Vec<CategoryRow>, Error> {
        let parent = parent.map_or(0, |parent| parent.0);
        let path = format!("company/{}/goods_categories/{parent}", self.location());
        categories_of(&self.get(permit, &path, &[]).await?)
    }

    /// Reads a category with a page of the categories and goods directly in it, from 1 (`GET
    /// /goods/category_node/{location_id}/{category_id}`).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn category_content(
        &self,
        permit: Permit,
        category: CategoryId,
        page: u32,
    ) -> Result<CategoryContent, Error> {
        let query = [("page", page.to_string()), ("count", CHILDREN_PER_PAGE.to_string())];
        let path = format!("goods/category_node/{}/{category}", self.location());
        let answer = self.get(permit, &path, &query).await?;
        let row: NodeWire<'_> = answer.one()?;
        let children = parsed::<NodeWire<'_>>(&row.children.map(lenient::list).unwrap_or_default());
        Ok(CategoryContent {
            category: row.node().ok_or(answer.lacks("the category"))?,
            children: children.into_iter().flatten().filter_map(|child| child.node()).collect(),
            count: lenient::integer(row.children_count),
        })
    }

    /// Reads several categories (`GET /goods_categories/multiple/{location_id}?ids[]=`); unknown ones are left out.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn categories(&self, permit: Permit, ids: &[CategoryId]) -> Result<Vec<CategoryRow>, Error> {
        let query: Vec<_> = ids.iter().map(|id| ("ids[]", id.to_string())).collect();
        let path = format!("goods_categories/multiple/{}", self.location());
        categories_of(&self.get(permit, &path, &query).await?)
    }

    /// Reads one category (`GET /goods_categories/{location_id}/{category_id}`, which the service calls deprecated);
    /// `None` if it does not exist.
    ///
    /// # Errors
    /// Any of [`Error`], except that it does not exist.
    pub async fn category(&self, permit: Permit, category: CategoryId) -> Result<Option<CategoryRow>, Error> {
        let path = format!("goods_categories/{}/{category}", self.location());
        let Some(answer) = found(self.get(permit, &path, &[]).await)? else { return Ok(None) };
        Ok(Some(category_of(&answer)?))
    }

    /// Creates a category (`POST /goods_categories/{location_id}`, 201).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn create_category(
        &self,
        permit: Permit,
        category: CategoryToWrite<'_>,
    ) -> Result<CategoryRow, Error> {
        let path = format!("goods_categories/{}", self.location());
        category_of(&self.post(permit, &path, &body(category)).await?)
    }

    /// Replaces a category as a whole (`PUT /goods_categories/{location_id}/{category_id}`).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn replace_category(
        &self,
        permit: Permit,
        id: CategoryId,
        category: CategoryToWrite<'_>,
    ) -> Result<CategoryRow, Error> {
        let path = format!("goods_categories/{}/{id}", self.location());
        category_of(&self.put(permit, &path, &body(category)).await?)
    }

    /// Removes a category (`DELETE /goods_categories/{location_id}/{category_id}`, 204). A missing one counts as
    /// removed.
    ///
    /// # Errors
    /// Any of [`Error`], except that it does not exist.
    pub async fn delete_category(&self, permit: Permit, category: CategoryId) -> Result<(), Error> {
        let path = format!("goods_categories/{}/{category}", self.location());
        // The answer to a repeated deletion is 404, and the deletion is done then.
        found(self.delete(permit, &path, &[]).await).map(|_gone| ())
    }
}

impl CategoryWire<'_> {
    fn category(&self) -> Option<CategoryRow> {
        Some(CategoryRow {
            id: CategoryId(lenient::id(self.id)?),
            title: lenient::text(self.title).unwrap_or_default(),
            parent: lenient::id(self.parent_category_id).map(CategoryId),
        })
    }
}

impl NodeWire<'_> {
    /// Returns the node; `None` if it is neither a good nor a category. On some accounts a good has a category too, so
    /// the good decides.
    pub(super) fn node(&self) -> Option<NodeRow> {
        let good = lenient::id(self.item_id).map(|id| Node::Good(GoodId(id)));
        let category = || lenient::id(self.category_id).map(|id| Node::Category(CategoryId(id)));
        Some(NodeRow {
            node: good.or_else(category)?,
            title: lenient::text(self.title).unwrap_or_default(),
            parent: lenient::id(self.parent_id).map(CategoryId),
        })
    }
}

fn categories_of(answer: &Answer) -> Result<Vec<CategoryRow>, Error> {
    let rows = answer.rows::<CategoryWire<'_>>()?;
    Ok(rows.into_iter().flatten().filter_map(|row| row.category()).collect())
}

fn category_of(answer: &Answer) -> Result<CategoryRow, Error> {
    let row: CategoryWire<'_> = answer.one()?;
    row.category().ok_or(answer.lacks("the category"))
}

fn body(category: CategoryToWrite<'_>) -> CategoryBody<'_> {
    CategoryBody {
        title: category.title,
        parent_category_id: category.parent.map(|parent| parent.0),
        article: category.article,
        comment: category.comment,
    }
}
