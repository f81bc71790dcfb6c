use std::time::{Duration, Instant};

/// What a figure belongs to.
pub(crate) struct Of<'a> {
    pub(crate) bench: &'a str,
    pub(crate) size: &'a str,
}

impl Of<'_> {
    #[expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]
    pub(crate) fn emit(&self, metric: &str, value: f64, unit: &str) {
        let line = serde_json::json!({
            "bench": self.bench, "peer": "idiolect", "version": env!("CARGO_PKG_VERSION"), "threads": 1,
            "size": self.size, "metric": metric, "value": value, "unit": unit,
        });
        println!("{line}");
    }

    /// p50, p95 and least of single calls, in milliseconds.
    pub(crate) fn emit_latency(&self, metric: &str, mut calls: Vec<Duration>) {
        calls.sort_unstable();
        let at = |share: f64| calls[(share * (calls.len() - 1) as f64) as usize];
        for (name, call) in [("p50", at(0.5)), ("p95", at(0.95)), ("min", calls[0])] {
            self.emit(&format!("{metric}, {name}"), call.as_secs_f64() * 1e3, "ms");
        }
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]
pub(crate) fn failed(why: &str) {
    let line = serde_json::json!({ "bench": "retrieval", "peer": "idiolect", "failed": why });
    println!("{line}");
}

/// How long a call takes for each of some questions, after a warm-up.
pub(crate) fn each<T>(questions: &[T], mut ask: impl FnMut(&T)) -> Vec<Duration> {
    questions.iter().take(20).for_each(&mut ask);
    questions
        .iter()
        .map(|question| {
            let began = Instant::now();
            ask(question);
            began.elapsed()
        })
        .collect()
}

/// CPU time of this process, where the system tells it.
pub(crate) fn cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    let nanoseconds = stat.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}
