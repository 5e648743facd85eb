//! The service: its contract, its ways and its TLS.

mod answers;
pub(crate) mod contract_api;
pub(crate) mod openapi;
mod quirks;
mod sandbox;
mod tls;
