//! The `vllm:` metrics, in Prometheus' text form, with vLLM's names and labels.

use std::{
    fmt::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::engine::units::ratio;

/// Upper bounds of the latency histograms, seconds.
const BOUNDS: [f64; 14] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0,
];

/// Numbers of one serving engine.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Requests being answered.
    pub(crate) running: Gauge,
    /// Requests that wait for a place.
    pub(crate) waiting: Gauge,
    /// Tokens in the KV cache.
    pub(crate) held: Gauge,
    /// Tokens read.
    pub(crate) prompt_tokens: AtomicU64,
    /// Tokens written.
    pub(crate) generation_tokens: AtomicU64,
    stopped: AtomicU64,
    limited: AtomicU64,
    times: Mutex<Times>,
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    /// Adds `n` until the returned guard is dropped.
    pub(crate) fn hold(&self, n: u64) -> Held<'_> {
        self.0.fetch_add(n, Ordering::Relaxed);
        Held { gauge: self, n }
    }

    /// Adds `n`.
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Takes `n` away.
    pub(crate) fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    /// The number.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A part of a gauge that goes with its holder.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    gauge: &'a Gauge,
    n: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.gauge.sub(self.n);
    }
}

#[derive(Debug, Default)]
struct Times {
    first: Histogram,
    between: Histogram,
    per_token: Histogram,
    whole: Histogram,
}

#[derive(Debug, Default)]
struct Histogram {
    counts: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

impl Histogram {
    fn observe(&mut self, seconds: f64) {
        for (count, bound) in self.counts.iter_mut().zip(BOUNDS) {
            *count += u64::from(seconds <= bound);
        }
        self.count += 1;
        self.sum += seconds;
    }
}

impl Metrics {
    /// The first token of a request came `after` it began.
    pub(crate) fn first_token(&self, after: Duration) {
        self.times(|times| times.first.observe(after.as_secs_f64()));
    }

    /// A further token came `after` the one before.
    pub(crate) fn next_token(&self, after: Duration) {
        self.times(|times| times.between.observe(after.as_secs_f64()));
    }

    /// A request of `tokens` ended well. Aborted ones are not counted: neither does vLLM 0.32.
    pub(crate) fn finished(&self, reason: &str, took: Duration, tokens: u64) {
        let counter = if reason == "length" {
            &self.limited
        } else {
            &self.stopped
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let seconds = took.as_secs_f64();
        self.times(|times| {
            times.whole.observe(seconds);
            times.per_token.observe(seconds * ratio(1, tokens.max(1)));
        });
    }

    fn times(&self, change: impl FnOnce(&mut Times)) {
        change(&mut self.times.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The whole page for `model`, whose cache has room for `capacity` tokens. `others` are requests that nobody
    /// sent: as many run, and as many wait.
    pub(crate) fn page(&self, model: &str, capacity: u64, others: u64) -> String {
        let mut page = Page {
            text: String::new(),
            labels: format!("engine=\"0\",model_name=\"{model}\""),
        };
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        page.gauge(
            "num_requests_running",
            "Number of requests in model execution batches.",
            ratio(self.running.get() + others, 1),
        );
        page.gauge(
            "num_requests_waiting",
            "Number of requests waiting to be processed.",
            ratio(self.waiting.get() + others, 1),
        );
        page.gauge(
            "kv_cache_usage_perc",
            "KV-cache usage. 1 means 100 percent usage.",
            ratio(self.held.get(), capacity),
        );
        page.counter(
            "num_preemptions",
            "Cumulative number of preemption from the engine.",
            0,
        );
        page.counter(
            "prefix_cache_queries",
            "Prefix cache queries, in terms of number of queried tokens.",
            load(&self.prompt_tokens),
        );
        page.counter(
            "prefix_cache_hits",
            "Prefix cache hits, in terms of number of cached tokens.",
            0,
        );
        page.counter(
            "prompt_tokens",
            "Number of prefill tokens processed.",
            load(&self.prompt_tokens),
        );
        page.counter(
            "generation_tokens",
            "Number of generation tokens processed.",
            load(&self.generation_tokens),
        );
        page.successes(load(&self.stopped), load(&self.limited));
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        page.histogram(
            "time_to_first_token_seconds",
            "Histogram of time to first token in seconds.",
            &times.first,
        );
        page.histogram(
            "inter_token_latency_seconds",
            "Histogram of inter-token latency in seconds.",
            &times.between,
        );
        page.histogram(
            "request_time_per_output_token_seconds",
            "Histogram of time_per_output_token_seconds per request.",
            &times.per_token,
        );
        page.histogram(
            "e2e_request_latency_seconds",
            "Histogram of e2e request latency in seconds.",
            &times.whole,
        );
        drop(times);
        page.text
    }
}

struct Page {
    text: String,
    labels: String,
}

impl Page {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        writeln!(self.text, "{line}").ok();
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        self.line(format_args!("# HELP vllm:{name} {help}"));
        self.line(format_args!("# TYPE vllm:{name} {kind}"));
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, help, "gauge");
        let labels = self.labels.clone();
        self.line(format_args!("vllm:{name}{{{labels}}} {value:?}"));
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "counter");
        let labels = self.labels.clone();
        self.line(format_args!("vllm:{name}_total{{{labels}}} {value}.0"));
    }

    fn successes(&mut self, stopped: u64, limited: u64) {
        self.head(
            "request_success",
            "Count of successfully processed requests.",
            "counter",
        );
        let labels = self.labels.clone();
        for (reason, n) in [
            ("stop", stopped),
            ("length", limited),
            ("abort", 0),
            ("error", 0),
        ] {
            self.line(format_args!(
                "vllm:request_success_total{{{labels},finished_reason=\"{reason}\"}} {n}.0"
            ));
        }
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, help, "histogram");
        let labels = self.labels.clone();
        for (count, bound) in histogram.counts.iter().zip(BOUNDS) {
            self.line(format_args!(
                "vllm:{name}_bucket{{{labels},le=\"{bound:?}\"}} {count}.0"
            ));
        }
        let (count, sum) = (histogram.count, histogram.sum);
        self.line(format_args!(
            "vllm:{name}_bucket{{{labels},le=\"+Inf\"}} {count}.0"
        ));
        self.line(format_args!("vllm:{name}_count{{{labels}}} {count}.0"));
        self.line(format_args!("vllm:{name}_sum{{{labels}}} {sum:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_real_numbers() {
        let metrics = Metrics::default();
        let held = metrics.running.hold(1);
        metrics.held.add(25);
        metrics.generation_tokens.fetch_add(7, Ordering::Relaxed);
        metrics.first_token(Duration::from_millis(30));
        metrics.finished("length", Duration::from_secs(2), 10);
        let page = metrics.page("m", 100, 0);
        for line in [
            "vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 1.0",
            "vllm:kv_cache_usage_perc{engine=\"0\",model_name=\"m\"} 0.25",
            "vllm:generation_tokens_total{engine=\"0\",model_name=\"m\"} 7.0",
            "vllm:request_success_total{engine=\"0\",model_name=\"m\",finished_reason=\"length\"} 1.0",
            "vllm:time_to_first_token_seconds_bucket{engine=\"0\",model_name=\"m\",le=\"0.025\"} 0.0",
            "vllm:time_to_first_token_seconds_bucket{engine=\"0\",model_name=\"m\",le=\"0.05\"} 1.0",
            "vllm:e2e_request_latency_seconds_sum{engine=\"0\",model_name=\"m\"} 2.0",
        ] {
            assert!(page.lines().any(|l| l == line), "{line} not in\n{page}");
        }
        drop(held);
        assert_eq!(metrics.running.get(), 0);
    }
}
