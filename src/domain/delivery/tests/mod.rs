//! Tests of deliveries: the transitions, the reconciliation, and every script of faults.

use super::*;
use crate::domain::ids::{GoodId, OperationId, StorageId};
use crate::domain::stock::mode::Kind;
use crate::domain::stock::operation::{Line, Marker, Place};
use crate::domain::stock::quantity::{Money, Quantity};

mod model;
mod reconciling;
mod scripts;
mod transitions;

/// Returns an operation of so many lines: line 1 is one of good 101, line 2 two of good 102, and so on.
fn operation(lines: u16) -> Operation {
    let line = |number: u16| Line {
        number,
        good: good(number),
        title: format!("Good {number}"),
        barcode: String::new(),
        quantity: quantity(number),
        price: Money::default(),
        transaction: None,
        refusal: None,
    };
    Operation {
        id: OperationId(1),
        marker: Marker::new("dock-1", "01J9"),
        place: Place { kind: Kind::Receipt, storage: StorageId(91) },
        lines: (1..=lines).map(line).collect(),
    }
}

fn good(number: u16) -> GoodId {
    GoodId(100 + i64::from(number))
}

fn quantity(number: u16) -> Quantity {
    Quantity::units(i64::from(number)).unwrap()
}
