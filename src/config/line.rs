//! The settings of a serial line.

/// The settings of a serial line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The speed in bits per second, 50..=4000000.
    pub baud: u32,
    /// The data bits of a character.
    pub data_bits: DataBits,
    /// The parity bit.
    pub parity: Parity,
    /// The stop bits of a character.
    pub stop_bits: StopBits,
    /// The means by which one side stops the other from sending.
    pub flow_control: FlowControl,
}

impl Default for Line {
    /// Returns 9600 baud, eight bits, no parity and one stop bit: the factory settings of most scanners.
    fn default() -> Self {
        Self {
            baud: 9600,
            data_bits: DataBits::Eight,
            parity: Parity::None,
            stop_bits: StopBits::One,
            flow_control: FlowControl::None,
        }
    }
}

/// The data bits of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataBits {
    /// 5
    Five,
    /// 6
    Six,
    /// 7
    Seven,
    /// 8
    Eight,
}

impl DataBits {
    /// Returns the value for a number of data bits, 5..=8; `None` for another number.
    pub const fn of(bits: u8) -> Option<Self> {
        match bits {
            5 => Some(Self::Five),
            6 => Some(Self::Six),
            7 => Some(Self::Seven),
            8 => Some(Self::Eight),
            _ => None,
        }
    }

    /// Returns the number of bits.
    pub const fn count(self) -> u8 {
        match self {
            Self::Five => 5,
            Self::Six => 6,
            Self::Seven => 7,
            Self::Eight => 8,
        }
    }
}

/// The parity bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    /// No parity bit.
    None,
    /// A parity bit that makes the number of ones odd.
    Odd,
    /// A parity bit that makes the number of ones even.
    Even,
}

/// The stop bits of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopBits {
    /// 1
    One,
    /// 2
    Two,
}

impl StopBits {
    /// Returns the value for a number of stop bits, 1 or 2; `None` for another number.
    pub const fn of(bits: u8) -> Option<Self> {
        match bits {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            _ => None,
        }
    }

    /// Returns the number of bits.
    pub const fn count(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// The means by which one side stops the other from sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowControl {
    /// Neither side can stop the other.
    None,
    /// The bytes XOFF and XON stop and resume, in both directions.
    Software,
    /// The wires RTS and CTS stop and resume, in both directions.
    Hardware,
}
