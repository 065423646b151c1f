// The API's read-models, as far as the dashboard reads them. The truth is `spark-ipc` (ipc/src/model).
// Every field may be missing: an older or newer daemon must never break the page.

export type Maybe<T> = T | null | undefined;

export interface Fingerprinted { state: string; algorithm?: string; fingerprint: string; accepted?: Maybe<string> }
export interface Link {
  state: string; since?: string; cause?: Maybe<string>; message?: Maybe<string>; fix?: Maybe<string>;
  host_key?: Maybe<Fingerprinted>; retry_in_ms?: Maybe<number>;
}
export interface Memory {
  total_bytes: number; available_bytes: number; gpu_bytes?: Maybe<number>; other_bytes?: Maybe<number>;
  reclaimable_bytes?: Maybe<number>; swap_total_bytes?: Maybe<number>; swap_used_bytes?: Maybe<number>;
  pressure_some_percent?: Maybe<number>; pressure_full_percent?: Maybe<number>;
}
export interface Gpu {
  name?: Maybe<string>; utilization_percent?: Maybe<number>; temperature_c?: Maybe<number>; power_w?: Maybe<number>;
  sm_clock_mhz?: Maybe<number>; max_sm_clock_mhz?: Maybe<number>; pstate?: Maybe<string>; throttle?: string[];
}
export interface HistoryPoint {
  at?: Maybe<string>; cpu_percent?: Maybe<number>; gpu_percent?: Maybe<number>; memory_used_bytes?: Maybe<number>;
  temperature_c?: Maybe<number>; power_w?: Maybe<number>;
}
export interface Disk { mount: string; total_bytes: number; used_bytes: number; available_bytes: number }
export interface FabricPort { hca: string; interface?: Maybe<string>; state?: Maybe<string>; rate_gbps?: Maybe<number> }
export interface Interface {
  name: string; addresses?: string[]; state?: string; carrier?: Maybe<boolean>; speed_mbps?: Maybe<number>; mtu?: Maybe<number>;
}
export interface Container { id: string; name: string; image: string; state: string; status: string; owner: string }
export interface GpuProcess { pid: number; name: string; memory_bytes?: Maybe<number>; container?: Maybe<string>; orphan?: boolean }
export interface Identity {
  hostname?: Maybe<string>; product?: Maybe<string>; os?: Maybe<string>; dgx_version?: Maybe<string>; kernel?: Maybe<string>;
  driver?: Maybe<string>; cores?: Maybe<number>; uptime_s?: Maybe<number>;
}
export interface Node {
  id: string; name?: string; host?: string; user?: string; ssh_port?: number; link?: Link; freshness?: string;
  observed_at?: Maybe<string>; poll_ms?: Maybe<number>; identity?: Identity; cpu_percent?: Maybe<number>; load1?: Maybe<number>;
  memory?: Maybe<Memory>; gpu?: Maybe<Gpu>; gpu_processes?: Maybe<GpuProcess[]>; disks?: Disk[]; interfaces?: Interface[];
  fabric?: FabricPort[]; docker?: Maybe<string>; containers?: Container[]; warnings?: string[]; history?: HistoryPoint[];
}
export interface Alert {
  id: string; node: string; kind: string; severity: string; title: string; text: string; fix?: Maybe<string>; since?: string;
}
export interface Rank { node: string; rank: number; container?: string; image?: string; state?: string; exit_code?: Maybe<number> }
export interface Unit {
  id: string; state: string; owner: string; repo?: Maybe<string>; recipe?: Maybe<string>; served_name?: Maybe<string>;
  endpoint?: Maybe<string>; ranks?: Rank[]; started_at?: Maybe<string>; ready_at?: Maybe<string>; memory_bytes?: Maybe<number>;
  message?: Maybe<string>;
}
export interface Service {
  name: string; title?: Maybe<string>; kind: string; state: string; node?: Maybe<string>; image: string; port: number; nim?: boolean;
  enabled?: boolean; autostart?: boolean; endpoint?: Maybe<string>; model?: Maybe<string>; memory_bytes?: Maybe<number>; budget_bytes?: number;
  restarts?: number; since?: Maybe<string>; answered_at?: Maybe<string>; operation?: Maybe<string>; message?: Maybe<string>; notes?: Maybe<string>;
  deep?: Maybe<Deep>;
}
export interface Deep { state: string; level?: string; at?: Maybe<string>; latency_ms?: Maybe<number>; error?: Maybe<string> }
export interface Step {
  name: string; node?: Maybe<string>; state: string; started_at?: Maybe<string>; ended_at?: Maybe<string>; detail?: Maybe<string>;
}
export interface Progress {
  done?: Maybe<number>; total?: Maybe<number>; unit?: string; rate?: Maybe<number>; eta_s?: Maybe<number>; stage?: Maybe<string>;
}
export interface Advice {
  id: string; title: string; cause: string; remedy: string; node?: Maybe<string>; rank?: Maybe<number>; evidence?: string[];
}
export interface Operation {
  id: string; kind: string; subject: string; state: string; nodes?: string[]; steps?: Step[]; progress?: Progress;
  error?: Maybe<string>; advice?: Maybe<Advice>; actor?: string; started_at?: string; ended_at?: Maybe<string>;
  cancelling?: boolean; last_good?: Maybe<string>; own_ms?: Maybe<number>;
}
export interface LogLine { seq: number; node?: Maybe<string>; rank?: Maybe<number>; at?: Maybe<string>; text: string }
export interface ModelOnNode {
  node: string; complete: boolean; missing?: string[]; missing_count?: number; size_bytes?: number; incomplete_bytes?: number;
  downloading?: boolean; commit?: Maybe<string>; warnings?: string[];
}
export interface Model {
  repo: string; state: string; size_bytes?: number; nodes?: ModelOnNode[]; recipe?: Maybe<string>; recipe_source?: Maybe<string>;
  alternatives?: string[]; kind?: string; quantization?: Maybe<string>; parameters?: Maybe<number>; architecture?: Maybe<string>;
  max_context_tokens?: Maybe<number>; fit?: { verdict: string; need_bytes_per_node?: Maybe<number>; nodes?: number; reason?: string };
  running_on?: string[]; last_loaded?: Maybe<{ at: string; load_s: number; memory_bytes?: Maybe<number>; recipe?: string }>;
}
export interface ModelList { models?: Model[]; recipe_errors?: string[]; observed_at?: Maybe<string> }
export interface Finding { code: string; node?: Maybe<string>; message: string; fix?: Maybe<string> }
export interface Forecast {
  node: string; total_bytes?: Maybe<number>; available_bytes?: Maybe<number>; freed_bytes?: Maybe<number>;
  need_bytes?: Maybe<number>; need_source?: string;
}
export interface Preflight {
  plan?: Maybe<{
    repo: string; recipe: string; served_name: string; unit: string; nodes: string[]; stops: string[];
    steps: { name: string; node?: Maybe<string>; text: string }[]; expected_s?: Maybe<number>;
  }>;
  commands?: { node: string; rank?: Maybe<number>; argv: string[]; rendered: string }[];
  blockers?: Finding[]; warnings?: Finding[]; memory?: Forecast[];
  checks?: { name: string; node?: Maybe<string>; state: string; detail: string; fix?: Maybe<string> }[];
  confirm?: { name: string; why: string }[];
}
export interface Proxy {
  state: string; model?: Maybe<string>; upstream?: Maybe<string>; requests_in_flight?: number; requests_total?: number; errors_total?: number;
}
export interface World {
  nodes: Node[]; units: Unit[]; services: Service[]; operations: Operation[]; alerts: Alert[]; proxy: Maybe<Proxy>;
  setup: Maybe<{ complete: boolean; needs?: string[] }>; models: ModelList; loaded: boolean;
}
export interface CheckStep { name: string; state: string; detail: string; fix?: Maybe<string>; duration_ms?: number }
export type Action = (arg: string, button: HTMLElement, world: World) => unknown;
export interface View {
  title: string;
  render(world: World, arg: string): Node_[];
  actions?: Record<string, Action>;
  mounted?(root: HTMLElement, world: World, arg: string): void;
  left?(): void;
}
type Node_ = globalThis.Node | string | null;
