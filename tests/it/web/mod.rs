//! The page, figures and events.

mod monitoring;
mod site;
