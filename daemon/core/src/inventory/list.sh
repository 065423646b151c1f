# Lists the models in this node's Hugging Face cache, one JSON object a line, and changes nothing.
# With Python every rule is applied; without it a plain shell tells the same with fewer facts.
if command -v python3 >/dev/null 2>&1; then
PYTHONDONTWRITEBYTECODE=1 python3 - <<'PYTHON' && exit 0
import json, os, re, stat, sys, time

WEIGHTS = ('.safetensors', '.gguf', '.bin', '.pt', '.pth', '.nemo', '.onnx')
FRESH_S = 60
CONFIG_KEYS = '''model_type architectures torch_dtype dtype hidden_size num_hidden_layers num_layers
num_attention_heads num_key_value_heads head_dim global_head_dim num_global_key_value_heads num_kv_shared_layers
intermediate_size moe_intermediate_size num_experts num_local_experts n_routed_experts moe_num_experts
num_experts_per_tok vocab_size max_position_embeddings n_positions max_seq_len seq_length rope_scaling rope_parameters
layer_types layers_block_type full_attention_interval full_attn_idxs sliding_window sliding_window_pattern
use_sliding_window attention_chunk_size attn_layer_indices attn_layer_period attn_layer_offset attn_type_list
hybrid_override_pattern kv_lora_rank qk_rope_head_dim index_head_dim compress_ratios linear_num_value_heads
linear_key_head_dim linear_value_head_dim mamba_num_heads mamba_head_dim ssm_state_size mamba_n_heads mamba_d_head
mamba_d_state num_nextn_predict_layers mtp_num_hidden_layers auto_map tie_word_embeddings
transformers_version'''.split()
QUANT_KEYS = '''quant_method bits group_size activation_scheme weight_block_size format quant_algo
kv_cache_quant_algo kv_cache_scheme'''.split()
PARAMS_KEYS = '''dim n_layers head_dim hidden_dim n_heads n_kv_heads vocab_size sliding_window kv_lora_rank
qk_rope_head_dim max_seq_len max_position_embeddings'''.split()
PARTS = ('text_config', 'llm_config', 'language_config')


def hub():
    get = os.environ.get
    home = get('HF_HOME') or os.path.join(get('XDG_CACHE_HOME') or '~/.cache', 'huggingface')
    path = get('HF_HUB_CACHE') or get('HUGGINGFACE_HUB_CACHE') or os.path.join(home, 'hub')
    return os.path.expanduser(path)


def load(path, limit=16 << 20):
    if os.path.getsize(path) > limit:
        raise ValueError('too large')
    with open(path, encoding='utf-8', errors='replace') as file:
        return json.load(file)


def pick(source, keys):
    return {key: source[key] for key in keys if source.get(key) is not None}


def quantization(source):
    kept = pick(source, QUANT_KEYS)
    groups = source.get('config_groups')
    if isinstance(groups, dict):
        kept['config_groups'] = {
            str(name): {'weights': pick(group.get('weights') or {}, ('num_bits', 'type', 'group_size'))}
            for name, group in list(groups.items())[:4] if isinstance(group, dict)}
    return kept


def config_facts(source):
    kept = pick(source, CONFIG_KEYS)
    if isinstance(source.get('quantization_config'), dict):
        kept['quantization_config'] = quantization(source['quantization_config'])
    if isinstance(source.get('linear_attn_config'), dict):
        kept['linear_attn_config'] = pick(source['linear_attn_config'], ('full_attn_layers', 'num_heads', 'head_dim'))
    if isinstance(source.get('block_configs'), list):
        kept['block_configs'] = [
            {'attention': pick(block.get('attention') or {}, ('n_heads_in_group', 'no_op'))}
            for block in source['block_configs'][:200] if isinstance(block, dict)]
    for part in PARTS:
        if isinstance(source.get(part), dict):
            kept[part] = config_facts(source[part])
    return kept


def params_facts(source):
    kept = pick(source, PARAMS_KEYS)
    for part, keys in (('moe', ('num_experts', 'num_experts_per_tok', 'expert_hidden_dim')),
                       ('quantization', ('qformat_weight',))):
        if isinstance(source.get(part), dict):
            kept[part] = pick(source[part], keys)
    if isinstance(source.get('vision_encoder'), dict):
        kept['vision_encoder'] = {}
    if isinstance(source.get('multimodal'), dict) and 'whisper_model_args' in source['multimodal']:
        kept['multimodal'] = {'whisper_model_args': {}}
    return kept


class Model:
    def __init__(self, folder, path):
        self.folder, self.path, self.warnings = folder, path, []
        self.snapshot, self.commit, self.revisions = self.find_snapshot()
        self.files = self.snapshot_files()
        self.index_bytes = None

    def warn(self, what, error=None):
        self.warnings.append(what if error is None else '%s: %s' % (what, error))

    def find_snapshot(self):
        base = os.path.join(self.path, 'snapshots')
        try:
            found = [name for name in os.listdir(base) if os.path.isdir(os.path.join(base, name))]
        except FileNotFoundError:
            return None, '', 0
        except OSError as error:
            self.warn('unreadable snapshots', error.strerror)
            return None, '', 0
        try:
            with open(os.path.join(self.path, 'refs', 'main'), encoding='ascii', errors='replace') as file:
                commit = file.read(200).strip()
        except OSError:
            commit = ''
        if commit not in found:
            age = lambda name: os.path.getmtime(os.path.join(base, name))
            commit = max(found, key=age) if found else ''
        return (os.path.join(base, commit) if commit else None), commit, len(found)

    def walk(self, top):
        def unreadable(error):
            where = os.path.relpath(error.filename, self.path)
            self.warn('unreadable %s' % where, error.strerror)
        for root, folders, names in os.walk(top, onerror=unreadable):
            for name in names:
                yield os.path.join(root, name)

    def snapshot_files(self):
        """Size of every file of the snapshot by its relative name; -1 for a link that leads nowhere."""
        files = {}
        for path in self.walk(self.snapshot) if self.snapshot else ():
            try:
                size = os.stat(path).st_size
            except OSError:
                size = -1
            files[os.path.relpath(path, self.snapshot)] = size
        return files

    def sizes(self):
        """Bytes of blobs and real snapshot files, each inode once; bytes of unfinished files; whether one grows."""
        seen, total, unfinished, growing = set(), 0, 0, False
        for part in ('blobs', 'snapshots'):
            for path in self.walk(os.path.join(self.path, part)) if os.path.isdir(os.path.join(self.path, part)) else ():
                try:
                    facts = os.lstat(path)
                except OSError as error:
                    self.warn('unreadable file', error.strerror)
                    continue
                key = (facts.st_dev, facts.st_ino)
                if not stat.S_ISREG(facts.st_mode) or key in seen:
                    continue
                seen.add(key)
                if path.endswith('.incomplete'):
                    unfinished += facts.st_size
                    growing = growing or time.time() - facts.st_mtime < FRESH_S
                else:
                    total += facts.st_size
        return total, unfinished, growing

    def manifest(self):
        """The exact list of files with their sizes, which newer clients leave beside the snapshots."""
        path = os.path.join(self.path, 'trees', self.commit + '.json')
        try:
            tree = load(path)['files']
            return {name: facts.get('size') for name, facts in tree.items()}
        except FileNotFoundError:
            return {}
        except Exception as error:
            self.warn('bad manifest', error)
            return {}

    def shards(self):
        """Every file that an index of shards names; notes the bytes that the main one tells."""
        named = set()
        for name, size in self.files.items():
            if not name.endswith('.index.json') or size <= 0:
                continue
            try:
                index = load(os.path.join(self.snapshot, name))
                if '/' not in name:
                    told = (index.get('metadata') or {}).get('total_size')
                    self.index_bytes = int(told) if isinstance(told, (int, float)) and 0 < told < 1 << 50 else None
                for shard in index['weight_map'].values():
                    named.add(os.path.normpath(os.path.join(os.path.dirname(name), shard)))
            except Exception as error:
                self.warn('bad index %s' % name, error)
        return named

    def missing(self):
        present = lambda name: self.files.get(name, -1) > 0
        manifest, shards = self.manifest(), self.shards()
        weights = [name for name, size in self.files.items() if size > 0 and name.endswith(WEIGHTS)]
        gguf = [name for name in weights if name.endswith('.gguf')]
        gone = {name for name in shards if not present(name)}
        gone |= {name for name, size in self.files.items() if size < 0 and self.needed(name, shards, gguf)}
        for name, size in manifest.items():
            if self.needed(name, shards, gguf):
                have = self.files.get(name, -1)
                if have < 0 or (size is not None and have != size):
                    gone.add(name)
        for name in gguf:
            split = re.match(r'(.*-)\d{5}-of-(\d{5})\.gguf$', name)
            if split and int(split.group(2)) <= 1000:
                parts = range(1, int(split.group(2)) + 1)
                gone |= {part for part in ('%s%05d-of-%s.gguf' % (split.group(1), i, split.group(2)) for i in parts)
                         if not present(part)}
        return sorted(gone), weights, shards

    def needed(self, name, shards, gguf):
        """Read-me files, pictures, a second format of the same weights and other GGUF sizes are not needed."""
        if '/' not in name and name.endswith(('.json', '.model', '.jinja', '.tiktoken')):
            return True
        if name in shards:
            return True
        if not name.endswith(WEIGHTS) or name.startswith('original/'):
            return False
        return not shards and (not gguf or name.endswith('.gguf') and self.files.get(name, -1) >= 0)

    def markers(self, weights):
        found = {name.rsplit('.', 1)[-1] for name in weights}
        known = {'1_Pooling/config.json': 'pooling', 'modules.json': 'pooling', 'model_index.json': 'diffusers',
                 'adapter_config.json': 'adapter', 'chat_template.jinja': 'chat_template', 'params.json': 'params',
                 'chat_template.json': 'chat_template', 'tekken.json': 'tekken', 'tokenizer.json': 'tokenizer', 'tokenizer.model': 'tokenizer'}
        found |= {mark for name, mark in known.items() if self.files.get(name, -1) >= 0}
        if any(name.startswith('consolidated') for name in weights):
            found.add('consolidated')
        try:
            if load(os.path.join(self.snapshot, 'tokenizer_config.json')).get('chat_template'):
                found.add('chat_template')
        except Exception:
            pass
        return sorted(found)

    def facts_of(self, name, reduce):
        if self.files.get(name, -1) < 0:
            return None
        try:
            return reduce(load(os.path.join(self.snapshot, name), 2 << 20))
        except Exception as error:
            self.warn('bad %s' % name, error)
            return None

    def line(self):
        total, unfinished, growing = self.sizes()
        gone, weights, shards = self.missing() if self.snapshot else ([], [], set())
        loaded = [name for name in weights if name in shards] or self.one_format(weights)
        # A snapshot that a list of files proves whole stays whole while another revision is fetched.
        proven = weights and not gone and (shards or self.manifest())
        if growing and not proven:
            state = 'downloading'
        elif not self.files:
            state = 'partial' if unfinished else 'empty'
        elif not weights:
            # An index or a manifest alone was fetched with the configuration; a link says that weights were begun.
            begun = unfinished or any(size < 0 and name.endswith(WEIGHTS) for name, size in self.files.items())
            state = 'partial' if begun else 'no-weights'
        else:
            state = 'partial' if gone else 'complete'
        return {
            'folder': self.folder, 'state': state, 'commit': self.commit, 'revisions': self.revisions,
            'bytes': total, 'incomplete_bytes': unfinished, 'missing': gone[:8], 'missing_n': len(gone),
            'weight_bytes': sum(max(self.files.get(name, 0), 0) for name in loaded),
            'markers': self.markers(weights) if self.snapshot else [],
            'index_bytes': self.index_bytes,
            'adapter_base': self.facts_of('adapter_config.json', lambda c: str(c.get('base_model_name_or_path') or '')),
            'config': self.facts_of('config.json', config_facts),
            'params': self.facts_of('params.json', params_facts),
            'quant_config': self.facts_of('hf_quant_config.json', lambda c: quantization(c.get('quantization') or {})),
            'warnings': self.warnings[:8],
        }

    @staticmethod
    def one_format(weights):
        """The engine reads one format of the weights: the first of this order that is there."""
        main = [name for name in weights if not name.startswith('original/')] or weights
        for suffix in WEIGHTS:
            found = [name for name in main if name.endswith(suffix)]
            if found:
                return found
        return []


top, warnings = hub(), []
try:
    names = sorted(name for name in os.listdir(top) if name.startswith('models--'))
except FileNotFoundError:
    names = []
except OSError as error:
    names = []
    warnings.append('unreadable: %s' % error.strerror)
for name in names:
    path = os.path.join(top, name)
    if not os.path.isdir(path):
        continue
    try:
        line = Model(name, path).line()
    except Exception as error:
        line = {'folder': name, 'state': 'empty', 'warnings': ['cannot be listed: %s' % error]}
    print(json.dumps(line, separators=(',', ':')))
print(json.dumps({'hub': top, 'warnings': warnings}))
PYTHON
fi

# Without Python: sizes, dangling links and shards; a broken name cannot be told in JSON and is left out.
hub="${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-${HF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/huggingface}/hub}}"
case "$hub" in "~/"*) hub="$HOME/${hub#??}" ;; esac
for model in "$hub"/models--*/; do
  [ -d "$model" ] || continue
  model="${model%/}"
  folder="${model##*/}"
  case "$folder" in *[!A-Za-z0-9._-]*) continue ;; esac
  commit=$(cat "$model/refs/main" 2>/dev/null)
  case "$commit" in *[!0-9a-f]*) commit='' ;; esac
  [ -n "$commit" ] && [ -d "$model/snapshots/$commit" ] || commit=$(ls -1t "$model/snapshots" 2>/dev/null | head -n 1)
  case "$commit" in *[!A-Za-z0-9]*) commit='' ;; esac
  snapshot="$model/snapshots/$commit"
  [ -n "$commit" ] && [ -d "$snapshot" ] || snapshot=''
  bytes=$(find "$model/blobs" "$model/snapshots" -type f ! -name '*.incomplete' -exec stat -c '%d:%i %s' {} + 2>/dev/null |
    sort -u -k 1,1 | awk '{sum += $2} END {printf "%.0f", sum}')
  unfinished=$(find "$model/blobs" -name '*.incomplete' -exec stat -c %s {} + 2>/dev/null | awk '{sum += $1} END {printf "%.0f", sum}')
  growing=$(find "$model/blobs" -name '*.incomplete' -mmin -1 2>/dev/null | head -n 1)
  weights=0 weight_bytes=0 missing='' count=0 begun=''
  if [ -n "$snapshot" ]; then
    set -- $(find -L "$snapshot" -type f -size +0 \( -name '*.safetensors' -o -name '*.gguf' -o -name '*.bin' -o -name '*.pt' -o -name '*.nemo' \) -exec stat -L -c %s {} + 2>/dev/null)
    weights=$#
    for size; do weight_bytes=$((weight_bytes + size)); done
    # A link that leads nowhere says that weights were begun; an index alone does not.
    begun=$(find "$snapshot" -type l \( -name '*.safetensors' -o -name '*.gguf' -o -name '*.bin' -o -name '*.pt' -o -name '*.nemo' \) ! -exec test -e {} \; -print 2>/dev/null | head -n 1)
    gone=$(
      find "$snapshot" -type l ! -exec test -e {} \; -print 2>/dev/null | sed "s|^$snapshot/||" |
        grep -E '\.(safetensors|gguf|bin|pt|nemo|json|model|jinja|tiktoken)$'
      for index in "$snapshot"/*.index.json; do
        [ -f "$index" ] || continue
        for shard in $(grep -o '"[^"]*\.\(safetensors\|bin\)"' "$index" | tr -d '"' | sort -u); do
          [ -s "$snapshot/$shard" ] || printf '%s\n' "$shard"
        done
      done)
    for name in $(printf '%s\n' "$gone" | sort -u); do
      case "$name" in *[!A-Za-z0-9._/-]*) continue ;; esac
      count=$((count + 1))
      [ "$count" -gt 8 ] || missing="$missing${missing:+,}\"$name\""
    done
  fi
  if [ -n "$growing" ]; then state=downloading
  elif [ -z "$snapshot" ]; then if [ "$unfinished" -gt 0 ]; then state=partial; else state=empty; fi
  elif [ "$weights" -eq 0 ]; then if [ "$unfinished" -gt 0 ] || [ -n "$begun" ]; then state=partial; else state=no-weights; fi
  elif [ "$count" -gt 0 ]; then state=partial
  else state=complete
  fi
  printf '{"folder":"%s","state":"%s","commit":"%s","revisions":%d,"bytes":%d,"weight_bytes":%d,"incomplete_bytes":%d,"missing":[%s],"missing_n":%d,"warnings":["python3 is missing: some checks were left out"]}\n' \
    "$folder" "$state" "$commit" "$(ls -1 "$model/snapshots" 2>/dev/null | wc -l)" "$bytes" "$weight_bytes" "$unfinished" "$missing" "$count"
  if [ -n "$snapshot" ] && [ -f "$snapshot/config.json" ] && [ "$(stat -L -c %s "$snapshot/config.json")" -le 65536 ]; then
    printf 'config\t%s\t' "$folder"
    tr -d '\n\r\t' < "$snapshot/config.json"
    printf '\n'
  fi
done
printf '{"hub":"%s","warnings":[]}\n' "$(printf '%s' "$hub" | tr -d '\\"' | tr -d '[:cntrl:]')"
