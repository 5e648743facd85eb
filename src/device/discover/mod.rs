//! Discovery: the ports, keyboards and HID-POS scanners that the kernel lists, and which of them look like a scanner.

pub mod hidraws;
pub mod inputs;
pub mod ports;
