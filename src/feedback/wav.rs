//! The signals as sounds: small WAV files, computed in whole numbers.

use crate::domain::signal::Signal;
use crate::feedback::pattern::Beat;
use crate::feedback::pattern::pattern;

/// The samples per second: enough for the highest pitch and for the overtones that make it carry.
const RATE_HZ: u32 = 16_000;
/// The bytes of one sample: 16 bits, one channel.
const SAMPLE_BYTES: u32 = 2;
/// The amplitude of a sample: loud, but below the level at which a sound card clips.
const SWING: i32 = 24_000;
/// The number of samples in which a tone swells and fades, 4 ms. Without this, each tone would begin and end with a
/// click.
const RAMP_SAMPLES: u32 = 64;

/// Returns the sound of a signal as a WAV file (RIFF WAVE, PCM: "Multimedia Programming Interface and Data
/// Specifications 1.0").
pub fn wav(signal: Signal) -> Vec<u8> {
    let pattern = pattern(signal);
    let samples: Vec<i16> =
        pattern.beats().into_iter().flat_map(|beat| samples(beat, pattern.pitch_hz)).collect();
    let data_bytes = u32::try_from(samples.len()).unwrap_or(0).saturating_mul(SAMPLE_BYTES);
    let mut file = Vec::new();
    file.extend(b"RIFF");
    // The size counts what follows it: 36 bytes of headers and the samples.
    file.extend((data_bytes.saturating_add(36)).to_le_bytes());
    file.extend(b"WAVEfmt ");
    // The length of the format chunk in PCM.
    file.extend(16_u32.to_le_bytes());
    // Format 1 is PCM; one channel.
    file.extend([1, 0, 1, 0]);
    file.extend(RATE_HZ.to_le_bytes());
    file.extend((RATE_HZ * SAMPLE_BYTES).to_le_bytes());
    // The block alignment (2 bytes per sample of all channels) and the bits per sample.
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend(data_bytes.to_le_bytes());
    file.extend(samples.into_iter().flat_map(i16::to_le_bytes));
    file
}

fn samples(beat: Beat, pitch_hz: u32) -> Vec<i16> {
    let millis = u32::try_from(beat.length().as_millis()).unwrap_or(0);
    let count = millis.saturating_mul(RATE_HZ).div_euclid(1000);
    match beat {
        Beat::Off(_) => vec![0; usize::try_from(count).unwrap_or(0)],
        Beat::On(_) => (0..count).map(|at| tone(at, count, pitch_hz)).collect(),
    }
}

/// Returns one sample of a triangle wave that swells and fades.
fn tone(at: u32, count: u32, pitch_hz: u32) -> i16 {
    // The phase is in samples times hertz: a whole wave is `RATE_HZ`.
    let whole = i64::from(RATE_HZ);
    let phase = (i64::from(at) * i64::from(pitch_hz)).rem_euclid(whole);
    // The wave falls from 1 to -1 and rises again, in units of a quarter wave.
    let quarter = whole.div_euclid(4);
    let height = (phase - whole.div_euclid(2)).abs() - quarter;
    let ramp = at.min(count.saturating_sub(at + 1)).min(RAMP_SAMPLES);
    let swung = height * i64::from(SWING) * i64::from(ramp);
    i16::try_from(swung.div_euclid(quarter * i64::from(RAMP_SAMPLES))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn number(file: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(file[at..at + 4].try_into().unwrap())
    }

    fn samples_of(file: &[u8]) -> Vec<i16> {
        file[44..].chunks(2).map(|two| i16::from_le_bytes(two.try_into().unwrap())).collect()
    }

    #[test]
    fn each_is_a_valid_file_of_bounded_length() {
        for signal in Signal::ALL {
            let file = wav(signal);
            assert_eq!(
                (&file[..4], &file[8..16], &file[36..40]),
                (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..])
            );
            assert_eq!(number(&file, 4) as usize, file.len() - 8);
            assert_eq!(number(&file, 40) as usize, file.len() - 44);
            // Format chunk of 16 bytes; PCM, mono; 16,000 samples and 32,000 bytes a second; two bytes, 16 bits.
            assert_eq!(number(&file, 16), 16);
            assert_eq!(&file[20..24], [1, 0, 1, 0]);
            assert_eq!((number(&file, 24), number(&file, 28)), (16_000, 32_000));
            assert_eq!(&file[32..36], [2, 0, 16, 0]);
            assert!(file.len() <= 48 * 1024, "{signal:?}: {} bytes", file.len());
        }
        // 70 ms at 16,000 samples a second.
        assert_eq!(wav(Signal::Booked).len(), 44 + 2 * 1120);
    }

    #[test]
    fn each_is_loud_and_begins_and_ends_in_silence() {
        for signal in Signal::ALL {
            let samples = samples_of(&wav(signal));
            let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            assert!((20_000..=24_000).contains(&loudest), "{signal:?}: {loudest}");
            assert_eq!((samples[0], samples[samples.len() - 1]), (0, 0), "{signal:?}");
            let sum: i64 = samples.iter().map(|sample| i64::from(*sample)).sum();
            assert!(sum.unsigned_abs() < 300_000, "{signal:?} is off the middle: {sum}");
        }
    }

    #[test]
    fn a_tone_has_its_pitch() {
        // Refused: 250 ms at 330 Hz cross the middle upwards 82 or 83 times.
        let samples = samples_of(&wav(Signal::Refused));
        let upwards = samples[..4000].windows(2).filter(|two| two[0] < 0 && two[1] >= 0).count();
        assert!((82..=83).contains(&upwards), "{upwards}");
    }

    #[test]
    fn no_two_are_alike() {
        let files: BTreeSet<_> = Signal::ALL.map(wav).into();
        assert_eq!(files.len(), 6);
    }
}
