//! The way of a document to the books of the service.

mod activities;
mod correct;
mod cost;
mod delivery_model;
mod movements;
mod politeness;
mod revoke;
mod strategies;
mod time;
