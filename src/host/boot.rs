//! The boot that this host is in, and how long it has lasted: by this clock a deadline holds, whoever sets the time of day,
//! and while the host sleeps.

use std::io;

const UPTIME: &str = "/proc/uptime";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Milliseconds since the host was booted, sleep included. It is what CLOCK_BOOTTIME says, in hundredths.
pub fn now_ms() -> io::Result<u64> {
    let text = std::fs::read_to_string(UPTIME)?;
    milliseconds(&text).ok_or_else(|| io::Error::other(format!("{UPTIME} makes no sense")))
}

/// `12.07 8.31`
fn milliseconds(text: &str) -> Option<u64> {
    let (seconds, hundredths) = text.split_ascii_whitespace().next()?.split_once('.')?;
    Some(seconds.parse::<u64>().ok()? * 1000 + hundredths.parse::<u64>().ok()? * 10)
}

/// Another one after each boot.
pub fn id() -> Option<String> {
    std::fs::read_to_string(BOOT_ID).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_since_the_boot_is_read_and_goes_on() {
        assert_eq!(milliseconds("12.07 8.31\n"), Some(12_070));
        assert_eq!(milliseconds("12\n"), None);
        let before = now_ms().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(now_ms().unwrap() > before);
    }
}
