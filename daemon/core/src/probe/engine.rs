//! What an engine's `/metrics` tells of its queue, in Prometheus' text form.
//!
//! Names as vLLM's V1 engine has them (its `metrics/loggers.py`). The fill of the KV cache is read for bug reports
//! only: a full one is how a busy engine should be.

/// `None` is *not told*.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EngineMetrics {
    pub running: Option<f64>,
    /// Requests that wait for a place.
    pub waiting: Option<f64>,
    /// Since the engine started.
    pub preemptions: Option<f64>,
    /// 0 to 1.
    pub kv_cache: Option<f64>,
}

/// Reads the page; a figure that several engines of one server tell is their sum.
pub fn read_engine(text: &str) -> EngineMetrics {
    let mut metrics = EngineMetrics::default();
    for line in text.lines().filter(|line| line.starts_with("vllm:")) {
        let Some((series, value)) = line.rsplit_once(' ') else {
            continue;
        };
        let name = series.split('{').next().unwrap_or(series);
        let place = match name {
            "vllm:num_requests_running" => &mut metrics.running,
            "vllm:num_requests_waiting" => &mut metrics.waiting,
            "vllm:num_preemptions_total" => &mut metrics.preemptions,
            "vllm:kv_cache_usage_perc" | "vllm:gpu_cache_usage_perc" => &mut metrics.kv_cache,
            _ => continue,
        };
        let value = value.parse::<f64>().ok().filter(|v| v.is_finite());
        if let Some(value) = value.filter(|v| *v >= 0.0) {
            *place = Some(place.unwrap_or(0.0) + value);
        }
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_by_name_and_summed_over_engines() {
        let page = "\
# HELP vllm:num_requests_waiting Number of requests waiting.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine=\"0\",model_name=\"m\"} 2.0
vllm:num_requests_waiting{engine=\"1\",model_name=\"m\"} 1.0
vllm:num_requests_waiting_by_reason{engine=\"0\"} 9.0
vllm:num_preemptions_total{engine=\"0\",model_name=\"a b\"} 7.0
vllm:kv_cache_usage_perc{engine=\"0\"} NaN
process_open_fds 3
";
        let expected = EngineMetrics {
            waiting: Some(3.0),
            preemptions: Some(7.0),
            ..EngineMetrics::default()
        };
        assert_eq!(read_engine(page), expected);
        assert_eq!(read_engine("<html>"), EngineMetrics::default());
    }
}
