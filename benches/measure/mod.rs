//! Commands measured side by side: in turn, in one run, inside one lab.

pub mod ovsdb;

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

use crate::harness::{Lab, stand_in};

/// Nothing that is measured takes longer in all its rounds.
const DEADLINE: Duration = Duration::from_secs(600);

/// Rounds that warm the caches and are not counted.
const WARM_UP: usize = 3;

/// One run of a command: its own time and that of every child that it waited for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Sample {
    wall: Duration,
    cpu: Duration,
    code: Option<i32>,
}

/// All runs of a command.
#[derive(Clone, Debug)]
pub struct Series {
    pub name: String,
    /// The same in every run.
    pub code: i32,
    pub wall: Spread,
    pub cpu: Spread,
}

/// The least, the middle and the most.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub min: Duration,
    pub median: Duration,
    pub max: Duration,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Result<Self> {
        times.sort();
        match (times.first(), times.get(times.len() / 2), times.last()) {
            (Some(&min), Some(&median), Some(&max)) => Ok(Self { min, median, max }),
            _ => bail!("nothing was measured"),
        }
    }

    pub fn ratio_to(&self, other: &Self) -> f64 {
        self.median.as_secs_f64() / other.median.as_secs_f64()
    }
}

/// Plays a part inside the lab, if this program was started to play one: as the one who measures, or as one of the
/// tests' stand-ins.
pub fn play() -> Option<ExitCode> {
    let words: Vec<String> = env::args().collect();
    let name = Path::new(words.first()?).file_name()?;
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let played = match (name == OsStr::new("stand-in"), words.as_slice()) {
        (true, ["measure", rounds, commands]) => measure(rounds, commands),
        (true, ["max-rss", argv @ ..]) => max_rss(argv),
        (true, ["select", socket]) => ovsdb::select(socket).map(|reply| println!("{}", reply.len())),
        (true, ["fill", socket, prefix, from, to]) => ovsdb::fill(socket, prefix, from, to),
        _ => return stand_in::play(),
    };
    Some(match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    })
}

/// Runs the commands in turn, round after round: what disturbs the machine disturbs all of them.
pub fn side_by_side(lab: &Lab, rounds: usize, commands: &[(&str, &[&str])]) -> Result<Vec<Series>> {
    let argvs: Vec<_> = commands.iter().map(|(_, argv)| argv).collect();
    let said =
        lab.run_within(DEADLINE, &["stand-in", "measure", &rounds.to_string(), &serde_json::to_string(&argvs)?])?;
    let measured: Vec<Vec<Sample>> = serde_json::from_str(&said.success()?)?;
    let series = |((name, _), samples): (&(&str, &[&str]), Vec<Sample>)| {
        let code = samples.first().and_then(|sample| sample.code);
        ensure!(samples.iter().all(|sample| sample.code == code), "{name} does not end alike in every run");
        Ok(Series {
            name: (*name).to_owned(),
            code: code.with_context(|| format!("{name} was killed"))?,
            wall: Spread::of(samples.iter().map(|sample| sample.wall).collect())?,
            cpu: Spread::of(samples.iter().map(|sample| sample.cpu).collect())?,
        })
    };
    commands.iter().zip(measured).map(series).collect()
}

/// The most memory that a command held, in KiB.
pub fn memory(lab: &Lab, argv: &[&str]) -> Result<u64> {
    Ok(lab.run_within(DEADLINE, &[&["stand-in", "max-rss"], argv].concat())?.success()?.parse()?)
}

/// Prints the series, and each one's ratio to the last.
pub fn print(series: &[Series]) {
    println!("{:24} {:>4}  {:>29}  {:>29}", "", "exit", "wall ms: min/median/max", "user+sys ms: min/median/max");
    for one in series {
        println!("{:24} {:>4}  {}  {}", one.name, one.code, spelled(&one.wall), spelled(&one.cpu));
    }
    let Some((last, others)) = series.split_last() else { return };
    for one in others {
        let (wall, cpu) = (one.wall.ratio_to(&last.wall), one.cpu.ratio_to(&last.cpu));
        println!("{} / {}: wall {wall:.2}, user+sys {cpu:.2}", one.name, last.name);
    }
}

fn spelled(spread: &Spread) -> String {
    let [min, median, max] = [spread.min, spread.median, spread.max].map(|time| time.as_secs_f64() * 1e3);
    format!("{min:>9.2} {median:>9.2} {max:>9.2}")
}

fn measure(rounds: &str, commands: &str) -> Result<()> {
    let commands: Vec<Vec<String>> = serde_json::from_str(commands)?;
    let mut samples = vec![Vec::new(); commands.len()];
    for round in 0..WARM_UP + rounds.parse::<usize>()? {
        for (argv, samples) in commands.iter().zip(&mut samples) {
            let sample = run(argv)?;
            if round >= WARM_UP {
                samples.push(sample);
            }
        }
    }
    println!("{}", serde_json::to_string(&samples)?);
    Ok(())
}

/// The kernel's account of children grows when one is waited for: the difference is this one's.
fn run<S: AsRef<OsStr>>(argv: &[S]) -> Result<Sample> {
    let (program, arguments) = argv.split_first().context("no command")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let before = cpu_of_children()?;
    let started = Instant::now();
    let status = command.status()?;
    let wall = started.elapsed();
    Ok(Sample { wall, cpu: cpu_of_children()?.saturating_sub(before), code: status.code() })
}

fn cpu_of_children() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = [usage.user_time(), usage.system_time()].map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
    Ok(Duration::from_micros(u64::try_from(micros.iter().sum::<i64>())?))
}

fn max_rss(argv: &[&str]) -> Result<()> {
    run(argv)?;
    println!("{}", getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss());
    Ok(())
}
