//! `stockpoint goods create`: a new good on the service for a parked code.

use std::io::{self, BufRead, IsTerminal, Write};
use std::str::FromStr;

use rust_decimal::Decimal;

use crate::api::GoodToWrite;
use crate::cli::args::NewGood;
use crate::cli::run::runtime;
use crate::cli::unknown::{documents_were, meant};
use crate::cli::values::amount;
use crate::cli::{Error, ServiceAccess, access_beside, data, say};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::config::secrets::Secrets;
use crate::domain::code::barcode::Barcode;
use crate::domain::code::control::{Control, ControlReading};
use crate::domain::ids::{CategoryId, UnitId};
use crate::domain::printable::printable;
use crate::domain::stock::good::Good;
use crate::domain::stock::quantity::Money;
use crate::domain::stock::resolution::Resolution;
use crate::socket::{self, Request};
use crate::store::Db;
use crate::work::create::{Creator, Made, barcode_for};

/// The most levels of the tree of categories that a person goes down.
const DEPTH_MAX: u32 = 20;

/// Makes a good for a parked code and books its parked scans. After an interruption, the same command continues where
/// it stopped: it searches the copy of the table first, then the service's own.
pub(super) fn create(out: &mut impl Write, config: &Config, wish: &NewGood) -> Result<(), Error> {
    let secrets = Secrets::find(&config.api);
    let mut db = data(config)?;
    if Control::read(&wish.code) != ControlReading::NotControl {
        return Err(Error::control_code());
    }
    let code = Barcode::read(&wish.code);
    // An earlier run may have made the good and stopped before it booked the scans.
    match db.resolve(&code)? {
        Resolution::Found(good) => return book(out, config, &mut db, &good, "has this code already"),
        Resolution::Ambiguous => {
            return Err(Error::failure("several goods have this code").hint("correct one of them in Altegio"));
        }
        Resolution::Unknown | Resolution::Pack(_) | Resolution::Kit(_) | Resolution::Unusable => {}
    }
    if meant(&db.parked()?, &code)?.is_none() {
        return Err(Error::failure(format!("no scan of {} is parked", printable(&wish.code)))
            .hint("`stockpoint unknown list` shows the parked codes"));
    }
    let missing = wish.missing();
    let stdin = io::stdin();
    if !missing.is_empty() && !stdin.is_terminal() {
        return Err(Error::required(&missing));
    }
    // On a terminal also the optional values are asked for; elsewhere the flags are all there is.
    let asked = stdin.is_terminal().then(|| stdin.lock());
    let access = access_beside(config, secrets)?;
    let wanted = WantedGood { wish, barcode: barcode_for(&code) };
    let (good, how) = match make(out, config, access, &wanted, asked)? {
        Made::New(good) => (good, "was made"),
        Made::Found(good) => (good, "has this code on the service already"),
    };
    db.put_changed_goods(std::slice::from_ref(&good))?;
    book(out, config, &mut db, &good, how)
}

/// A good to be made, and the barcode that it gets.
struct WantedGood<'a> {
    wish: &'a NewGood,
    barcode: String,
}

/// Makes the good on the service. What was not given is asked on `terminal`.
fn make(
    out: &mut impl Write,
    config: &Config,
    access: ServiceAccess,
    wanted: &WantedGood<'_>,
    terminal: Option<impl BufRead>,
) -> Result<Made, Error> {
    let ServiceAccess { client, budget } = access;
    let WantedGood { wish, barcode } = wanted;
    runtime()?.block_on(async {
        let mut creator = Creator { client: &client, budget, wait: config.api.reconcile_after };
        let mut good = match terminal {
            Some(input) => {
                // A person should not answer questions about a good that exists already.
                if let Some(found) = creator.good_with(barcode).await? {
                    return Ok(Made::Found(found));
                }
                Person { input, out }.complete(wish, &mut creator).await?
            }
            None => wish.complete().ok_or_else(|| Error::required(&wish.missing()))?,
        };
        good.barcode = Some(barcode.clone());
        Ok(creator.make(&good).await?)
    })
}

/// Books the parked scans of a good, and prints the result.
fn book(out: &mut impl Write, config: &Config, db: &mut Db, good: &Good, how: &str) -> Result<(), Error> {
    let operations = db.book_parked(SystemClock::new().wall())?;
    // Without an agent it is delivered when one starts; with one, at its next check at the latest.
    let _woken = socket::ask(&config.station.data_dir, Request::Wake);
    let text = format!(
        "good {} ({}) {how}; {} made of what was parked\n",
        good.id,
        printable(&good.title),
        documents_were(operations.len())
    );
    say(out, &text)
}

impl NewGood {
    /// Returns the flags of required values that were not given.
    fn missing(&self) -> Vec<&'static str> {
        // Without a factor the service could not convert one unit into the other.
        let units_differ = self.sale_unit.is_some() && self.sale_unit != self.service_unit;
        let wanted = [
            ("--title", self.title.is_none()),
            ("--category", self.category.is_none()),
            ("--sale-unit", self.sale_unit.is_none()),
            ("--service-unit", self.service_unit.is_none()),
            ("--unit-equals", units_differ && self.service_unit.is_some() && self.unit_equals.is_none()),
        ];
        wanted.into_iter().filter(|(_, is_missing)| *is_missing).map(|(name, _)| name).collect()
    }

    /// Returns the good, if everything was given.
    fn complete(&self) -> Option<GoodToWrite> {
        let sale = UnitId(self.sale_unit?);
        let service = UnitId(self.service_unit?);
        let mut good = GoodToWrite::new(self.title.as_deref()?, CategoryId(self.category?), sale, service);
        good.unit_equals = Some(if sale == service { Decimal::ONE } else { self.unit_equals? });
        good.cost = self.cost.map(Money::new);
        good.actual_cost = self.actual_cost.map(Money::new);
        good.article.clone_from(&self.article);
        Some(good)
    }
}

/// A person at a terminal.
struct Person<'a, R, W> {
    input: R,
    out: &'a mut W,
}

impl<R: BufRead, W: Write> Person<'_, R, W> {
    /// Asks for everything that was not given.
    async fn complete(&mut self, wish: &NewGood, creator: &mut Creator<'_>) -> Result<GoodToWrite, Error> {
        let title = match &wish.title {
            Some(title) => title.clone(),
            None => {
                self.until("title: ", |text| if text.is_empty() { None } else { Some(text.to_owned()) })?
            }
        };
        let category = match wish.category {
            Some(category) => CategoryId(category),
            None => self.category(creator).await?,
        };
        let (sale, service) = self.units(wish, creator).await?;
        let mut good = GoodToWrite::new(&title, category, sale, service);
        good.unit_equals = Some(match wish.unit_equals {
            _ if sale == service => Decimal::ONE,
            Some(equals) => equals,
            None => self.until("write-off units in one sale unit: ", |text| {
                amount(text).ok().filter(|equals| *equals > Decimal::ZERO)
            })?,
        });
        good.cost = self.price("selling price (Enter for none): ", wish.cost)?;
        good.actual_cost = self.price("cost price (Enter for none): ", wish.actual_cost)?;
        good.article = match &wish.article {
            Some(article) => Some(article.clone()),
            None => Some(self.line("article (Enter for none): ")?).filter(|text| !text.is_empty()),
        };
        Ok(good)
    }

    /// Goes down the tree of categories, one level at a time.
    async fn category(&mut self, creator: &mut Creator<'_>) -> Result<CategoryId, Error> {
        let mut chosen = None;
        for _ in 0..DEPTH_MAX {
            let below = creator.categories(chosen).await?;
            if below.is_empty() {
                break;
            }
            say(self.out, "categories:\n")?;
            for category in &below {
                say(self.out, &format!("  {:>10}  {}\n", category.id, printable(&category.title)))?;
            }
            let question = match chosen {
                None => "category (its number): ".to_owned(),
                Some(id) => format!("category (its number, Enter for {id} itself): "),
            };
            let next = self.until(&question, |text| {
                let known = |id: &CategoryId| below.iter().any(|category| category.id == *id);
                match text.parse().map(CategoryId) {
                    Ok(id) if known(&id) => Some(Some(id)),
                    Err(_) if text.is_empty() && chosen.is_some() => Some(None),
                    Ok(_) | Err(_) => None,
                }
            })?;
            match next {
                Some(id) => chosen = Some(id),
                None => break,
            }
        }
        chosen.ok_or_else(|| {
            Error::usage("the service has no category").hint("make one in Altegio, or pass --category")
        })
    }

    async fn units(&mut self, wish: &NewGood, creator: &mut Creator<'_>) -> Result<(UnitId, UnitId), Error> {
        if wish.sale_unit.is_none() || wish.service_unit.is_none() {
            say(self.out, "units in use:\n")?;
            for (id, title) in creator.units().await? {
                say(self.out, &format!("  {id:>10}  {}\n", printable(&title)))?;
            }
        }
        let number = |text: &str| i64::from_str(text).ok().filter(|id| *id > 0);
        let sale = match wish.sale_unit {
            Some(unit) => unit,
            None => self.until("sale unit (its number): ", number)?,
        };
        let service = match wish.service_unit {
            Some(unit) => unit,
            None => self.until("write-off unit (its number, Enter for the same): ", |text| {
                if text.is_empty() { Some(sale) } else { number(text) }
            })?,
        };
        Ok((UnitId(sale), UnitId(service)))
    }

    fn price(&mut self, question: &str, given: Option<Decimal>) -> Result<Option<Money>, Error> {
        if given.is_some() {
            return Ok(given.map(Money::new));
        }
        self.until(question, |text| {
            if text.is_empty() { Some(None) } else { amount(text).ok().map(|price| Some(Money::new(price))) }
        })
    }

    /// Asks until the answer is valid.
    fn until<T>(&mut self, question: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
        loop {
            if let Some(value) = read(&self.line(question)?) {
                return Ok(value);
            }
        }
    }

    fn line(&mut self, question: &str) -> Result<String, Error> {
        say(self.out, question)?;
        let mut line = String::new();
        let read = self
            .input
            .read_line(&mut line)
            .map_err(|source| Error::io("cannot read the terminal", source))?;
        if read == 0 { Err(Error::no_answer()) } else { Ok(line.trim().to_owned()) }
    }
}
