//! Every family of the table, by what its models publish: `model_type`, architecture and name.

use super::*;
use crate::catalog::check::problems;

/// Repository | `model_type` | architecture | family | tool parser | reasoning parser; `-` is none.
const ROWS: &str = "
Qwen/Qwen2.5-7B-Instruct | qwen2 | Qwen2ForCausalLM | Qwen2.5 | hermes | -
Qwen/QwQ-32B | qwen2 | Qwen2ForCausalLM | QwQ | hermes | deepseek_r1
Qwen/Qwen3-32B | qwen3 | Qwen3ForCausalLM | Qwen3 | hermes | qwen3
Qwen/Qwen3-30B-A3B-Instruct-2507 | qwen3_moe | Qwen3MoeForCausalLM | Qwen3 | hermes | -
Qwen/Qwen3-30B-A3B-Thinking-2507 | qwen3_moe | Qwen3MoeForCausalLM | Qwen3 | hermes | qwen3
Qwen/Qwen3-Coder-30B-A3B-Instruct | qwen3_moe | Qwen3MoeForCausalLM | Qwen3-Coder | qwen3_xml | -
Qwen/Qwen3-Coder-Next | qwen3_next | Qwen3NextForCausalLM | Qwen3-Coder | qwen3_xml | -
Qwen/Qwen3-Next-80B-A3B-Instruct | qwen3_next | Qwen3NextForCausalLM | Qwen3-Next | hermes | -
Qwen/Qwen3-Next-80B-A3B-Thinking | qwen3_next | Qwen3NextForCausalLM | Qwen3-Next | hermes | qwen3
Qwen/Qwen3-VL-8B-Instruct | qwen3_vl | Qwen3VLForConditionalGeneration | Qwen3-VL | hermes | -
Qwen/Qwen3-VL-30B-A3B-Thinking | qwen3_vl_moe | Qwen3VLMoeForConditionalGeneration | Qwen3-VL | hermes | qwen3
Qwen/Qwen3.5-27B | qwen3_5 | Qwen3_5ForConditionalGeneration | Qwen3.5 | qwen3_xml | qwen3
Qwen/Qwen3.6-35B-A3B | qwen3_5_moe | Qwen3_5MoeForConditionalGeneration | Qwen3.5 | qwen3_xml | qwen3
Qwen/Qwen3.8-Flash-Next | qwen4_exp | Qwen4ExpForConditionalGeneration | Qwen3.8-Flash-Next | qwen3_xml | qwen3
meta-llama/Llama-3.3-70B-Instruct | llama | LlamaForCausalLM | Llama 3 | llama3_json | -
NousResearch/Hermes-4-70B | llama | LlamaForCausalLM | Hermes | hermes | -
meta-llama/Llama-4-Scout-17B-16E-Instruct | llama4 | Llama4ForConditionalGeneration | Llama 4 | llama4_pythonic | -
openai/gpt-oss-120b | gpt_oss | GptOssForCausalLM | gpt-oss | openai | openai_gptoss
zai-org/GLM-4.5-Air | glm4_moe | Glm4MoeForCausalLM | GLM-4.5 | glm45 | glm45
zai-org/GLM-4.6 | glm4_moe | Glm4MoeForCausalLM | GLM-4.5 | glm45 | glm45
zai-org/GLM-4.5V | glm4v_moe | Glm4vMoeForConditionalGeneration | GLM-4.5 | glm45 | glm45
zai-org/GLM-4.7 | glm4_moe | Glm4MoeForCausalLM | GLM-4.7 | glm47 | glm45
zai-org/GLM-4.7-Flash | glm4_moe_lite | Glm4MoeLiteForCausalLM | GLM-4.7-Flash | glm47 | glm45
zai-org/GLM-5 | glm_moe_dsa | GlmMoeDsaForCausalLM | GLM-5 | glm47 | glm47
nvidia/GLM-5.3-Flash-FP4-Local | glm5_next | - | GLM-5.3-Flash | glm47 | glm47
deepseek-ai/DeepSeek-V3-0324 | deepseek_v3 | DeepseekV3ForCausalLM | DeepSeek-V3 | deepseek_v3 | deepseek_v3
deepseek-ai/DeepSeek-R1-0528 | deepseek_v3 | DeepseekV3ForCausalLM | DeepSeek-R1 | deepseek_v3 | deepseek_r1
deepseek-ai/DeepSeek-V3.1 | deepseek_v3 | DeepseekV3ForCausalLM | DeepSeek-V3.1 | deepseek_v31 | deepseek_v3
deepseek-ai/DeepSeek-V3.2 | deepseek_v32 | DeepseekV32ForCausalLM | DeepSeek-V3.2 | deepseek_v32 | deepseek_v3
deepseek-ai/DeepSeek-V4-Flash | deepseek_v4 | DeepseekV4ForCausalLM | DeepSeek-V4 | deepseek_v4 | deepseek_v4
deepseek-ai/DeepSeek-R1-Distill-Qwen-32B | qwen2 | Qwen2ForCausalLM | DeepSeek-R1-Distill | - | deepseek_r1
deepseek-ai/DeepSeek-R1-Distill-Llama-70B | llama | LlamaForCausalLM | DeepSeek-R1-Distill | - | deepseek_r1
mistralai/Mistral-Small-3.2-24B-Instruct-2506 | mistral3 | Mistral3ForConditionalGeneration | Mistral | mistral | -
mistralai/Devstral-Small-2507 | mistral | MistralForCausalLM | Mistral | mistral | -
mistralai/Magistral-Small-2509 | mistral3 | Mistral3ForConditionalGeneration | Mistral | mistral | mistral
nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16 | nemotron_h | NemotronHForCausalLM | Nemotron-3 | qwen3_coder | nemotron_v3
nvidia/Llama-3_3-Nemotron-Super-49B-v1 | nemotron-nas | DeciLMForCausalLM | Llama-Nemotron | - | -
nvidia/Llama-3.1-Nemotron-Nano-8B-v1 | llama | LlamaForCausalLM | Llama-Nemotron | - | -
google/gemma-4-31B-it | gemma4 | Gemma4ForConditionalGeneration | Gemma 4 | gemma4 | gemma4
google/gemma-3-27b-it | gemma3 | Gemma3ForConditionalGeneration | Gemma 3 | - | -
google/gemma-3n-E4B-it | gemma3n | Gemma3nForConditionalGeneration | Gemma 3 | - | -
google/functiongemma-270m-it | gemma3_text | Gemma3ForCausalLM | FunctionGemma | functiongemma | -
MiniMaxAI/MiniMax-M2.7 | minimax_m2 | MiniMaxM2ForCausalLM | MiniMax-M2 | minimax_m2 | minimax_m2
MiniMaxAI/MiniMax-M3 | minimax_m3_vl | MiniMaxM3SparseForConditionalGeneration | MiniMax-M3 | minimax_m3 | minimax_m3
moonshotai/Kimi-K2-Thinking | kimi_k2 | DeepseekV3ForCausalLM | Kimi-K2 | kimi_k2 | kimi_k2
moonshotai/Kimi-K2-Instruct | deepseek_v3 | DeepseekV3ForCausalLM | Kimi-K2 | kimi_k2 | -
moonshotai/Kimi-K2.5 | kimi_k25 | KimiK25ForConditionalGeneration | Kimi-K2 | kimi_k2 | kimi_k2
moonshotai/Kimi-K3 | - | KimiK3ForConditionalGeneration | Kimi-K3 | kimi_k3 | kimi_k3
moonshotai/Kimi-Linear-48B-A3B-Instruct | kimi_linear | KimiLinearForCausalLM | Kimi-Linear | kimi_k2 | -
microsoft/Phi-4-mini-instruct | phi3 | Phi3ForCausalLM | Phi-4-mini | phi4_mini_json | -
microsoft/Phi-4-reasoning | phi3 | Phi3ForCausalLM | Phi-4-reasoning | - | deepseek_r1
microsoft/Phi-4-multimodal-instruct | phi4mm | Phi4MMForCausalLM | Phi-4-multimodal | phi4_mini_json | -
ibm-granite/granite-4.0-h-small | granitemoehybrid | GraniteMoeHybridForCausalLM | Granite 4 | granite4 | -
ibm-granite/granite-3.2-8b-instruct | granite | GraniteForCausalLM | Granite 3 | granite | granite
ibm-granite/granite-3.1-3b-a800m-instruct | granitemoe | GraniteMoeForCausalLM | Granite 3 | granite | -
ibm-granite/granite-20b-functioncalling | gpt_bigcode | GPTBigCodeForCausalLM | Granite 20B function calling | granite-20b-fc | -
ByteDance-Seed/Seed-OSS-36B-Instruct | seed_oss | SeedOssForCausalLM | Seed-OSS | seed_oss | seed_oss
tencent/Hunyuan-A13B-Instruct | hunyuan_v1_moe | HunYuanMoEV1ForCausalLM | Hunyuan-A13B | hunyuan_a13b | hunyuan_a13b
tencent/HY-V3 | - | - | HY-V3 | hy_v3 | hy_v3
stepfun-ai/step3 | step3_vl | Step3VLForConditionalGeneration | Step-3 | step3 | step3
stepfun-ai/Step-3.5-Flash | step3p5 | Step3p5ForCausalLM | Step-3.5 | step3p5 | step3p5
baidu/ERNIE-4.5-21B-A3B-Thinking | ernie4_5_moe | Ernie4_5_MoeForCausalLM | ERNIE-4.5 | ernie45 | ernie45
LiquidAI/LFM2-8B-A1B | lfm2_moe | Lfm2MoeForCausalLM | LFM2 | lfm2 | -
allenai/Olmo-3-7B-Think | olmo3 | Olmo3ForCausalLM | OLMo 3 | olmo3 | olmo3
XiaomiMiMo/MiMo-7B-RL | mimo | MiMoForCausalLM | MiMo | mimo | mimo
swiss-ai/Apertus-8B-Instruct-2509 | apertus | ApertusForCausalLM | Apertus | apertus | -
meituan-longcat/LongCat-Flash-Chat | longcat_flash | LongcatFlashForCausalLM | LongCat-Flash | longcat | -
internlm/internlm3-8b-instruct | internlm3 | InternLM3ForCausalLM | InternLM | internlm | -
ai21labs/AI21-Jamba-Mini-1.7 | jamba | JambaForCausalLM | Jamba | jamba | -
Salesforce/Llama-xLAM-2-8b-fc-r | llama | LlamaForCausalLM | xLAM | xlam | -
CohereLabs/command-a-reasoning-08-2025 | cohere2 | Cohere2ForCausalLM | Cohere Command | cohere_command3 | cohere_command3
CohereLabs/command-4 | cohere2 | Cohere2ForCausalLM | Cohere Command 4 | cohere_command4 | cohere_command4
poolside/Laguna-XS.2 | laguna | LagunaForCausalLM | Laguna | poolside_v1 | poolside_v1
";

struct Row {
    repo: &'static str,
    model_type: &'static str,
    architecture: &'static str,
    family: &'static str,
    tool: Option<&'static str>,
    reasoning: Option<&'static str>,
}

fn rows() -> Vec<Row> {
    let told = |word: &'static str| (word != "-").then_some(word);
    let row = |line: &'static str| {
        let words: Vec<&str> = line.split('|').map(str::trim).collect();
        let [repo, model_type, architecture, family, tool, reasoning] = words[..] else {
            panic!("{line}")
        };
        Row {
            repo,
            model_type: told(model_type).unwrap_or_default(),
            // What names no architecture is still a chat model: the family is what is looked at.
            architecture: told(architecture).unwrap_or("SomeForCausalLM"),
            family,
            tool: told(tool),
            reasoning: told(reasoning),
        }
    };
    ROWS.lines().filter(|l| !l.is_empty()).map(row).collect()
}

fn of_row(row: &Row) -> DiskModel {
    let config = json!({"model_type": row.model_type, "architectures": [row.architecture]});
    model(row.repo, 8, config)
}

fn of_repo(repo: &str) -> DiskModel {
    of_row(rows().iter().find(|r| r.repo == repo).unwrap())
}

#[test]
fn every_family_gets_its_parsers() {
    for row in &rows() {
        let suggestion = proposed(&of_row(row));
        let family = suggestion.family.as_ref().map(|f| f.value.as_str());
        let parsers = (
            value(&suggestion, "--tool-call-parser"),
            value(&suggestion, "--reasoning-parser"),
        );
        assert_eq!(
            (family, parsers),
            (Some(row.family), (row.tool, row.reasoning)),
            "{}",
            row.repo
        );
        let chooses = flag(&suggestion, "--enable-auto-tool-choice").is_some();
        assert_eq!(chooses, row.tool.is_some(), "{}", row.repo);
    }
}

#[test]
fn what_is_proposed_and_offered_is_what_the_engine_takes() {
    for row in &rows() {
        for quant in ["", "NVFP4", "MXFP4"] {
            let mut disk = of_row(row);
            if !quant.is_empty() {
                disk.quant_config = Some(json!({"quant_algo": quant}));
                disk.config.as_mut().unwrap()["num_experts"] = json!(64);
            }
            disk.markers
                .extend(["params", "consolidated"].map(str::to_owned));
            let suggestion = proposed(&disk);
            let mut recipe = suggestion.recipe.clone().unwrap();
            assert_eq!(problems(&recipe), [], "{} {quant}", row.repo);
            for offered in &suggestion.offered_flags {
                let set = |f: &String| f.split('=').next() == Some(offered.name.as_str());
                if !recipe.flags.iter().any(set) {
                    recipe.flags.push(offered.word());
                }
            }
            assert_eq!(problems(&recipe), [], "{} with all offers", row.repo);
        }
    }
}

#[test]
fn every_value_has_its_reason() {
    for row in &rows() {
        let suggestion = proposed(&of_row(row));
        let flags = suggestion.flags.iter().chain(&suggestion.offered_flags);
        for flag in flags {
            assert!(!flag.reason.is_empty(), "{} {}", row.repo, flag.name);
        }
        for warning in &suggestion.warnings {
            assert!(
                !warning.message.is_empty() && !warning.fix.is_empty(),
                "{}",
                warning.code
            );
        }
    }
}

#[test]
fn what_nobody_has_confirmed_is_a_guess() {
    let confidence = |repo: &str| {
        flag(&proposed(&of_repo(repo)), "--tool-call-parser")
            .unwrap()
            .confidence
    };
    assert_eq!(confidence("Qwen/Qwen3-32B"), Confidence::Likely);
    assert_eq!(confidence("Qwen/Qwen3.8-Flash-Next"), Confidence::Guess);
    assert_eq!(
        confidence("microsoft/Phi-4-multimodal-instruct"),
        Confidence::Guess
    );
    assert_eq!(confidence("tencent/HY-V3"), Confidence::Guess);
}

#[test]
fn a_family_that_no_rule_knows_gets_no_parsers_and_is_told() {
    let config = json!({"model_type": "frobnicator", "architectures": ["FrobnicatorForCausalLM"]});
    let suggestion = proposed(&model("org/Frobnicator-9B", 8, config));
    assert_eq!(suggestion.family, None);
    assert_eq!(flag(&suggestion, "--tool-call-parser"), None);
    assert_eq!(flag(&suggestion, "--enable-auto-tool-choice"), None);
    assert!(codes(&suggestion).contains(&"unknown_family"));
    let offered: Vec<String> = suggestion
        .offered_flags
        .iter()
        .map(SuggestedFlag::word)
        .collect();
    assert_eq!(offered, ["--tool-call-parser=hermes"]);
}

#[test]
fn mistral_formats_are_used_only_where_their_files_are() {
    let config =
        json!({"model_type": "mistral3", "architectures": ["Mistral3ForConditionalGeneration"]});
    let formats = |markers: &[&str]| {
        let mut disk = model(
            "mistralai/Mistral-Small-3.2-24B-Instruct-2506",
            45,
            config.clone(),
        );
        disk.markers.extend(markers.iter().map(|m| (*m).to_owned()));
        let suggestion = proposed(&disk);
        ["--tokenizer-mode", "--config-format", "--load-format"]
            .map(|name| value(&suggestion, name).map(str::to_owned))
    };
    let mistral = || Some("mistral".to_owned());
    assert_eq!(
        formats(&["params", "consolidated"]),
        [mistral(), mistral(), mistral()]
    );
    assert_eq!(formats(&["params"]), [mistral(), mistral(), None]);
    assert_eq!(
        formats(&[]),
        [None, None, Some("fastsafetensors".to_owned())]
    );
}

#[test]
fn families_bring_their_own_flags() {
    let row = |repo: &str| proposed(&of_repo(repo));
    let v4 = row("deepseek-ai/DeepSeek-V4-Flash");
    assert_eq!(value(&v4, "--tokenizer-mode"), Some("deepseek_v4"));
    assert_eq!(value(&v4, "--block-size"), Some("256"));
    assert_eq!(value(&v4, "--kv-cache-dtype"), Some("fp8"));
    assert_eq!(
        v4.image.value.as_str(),
        "scitrera/dgx-spark-vllm-jasl-ds4:20260609"
    );
    let nemotron = row("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16");
    assert_eq!(value(&nemotron, "--attention-backend"), Some("TRITON_ATTN"));
    assert_eq!(value(&nemotron, "--mamba-ssm-cache-dtype"), Some("float32"));
    let vl = row("Qwen/Qwen3-VL-8B-Instruct");
    assert!(flag(&vl, "--limit-mm-per-prompt").is_some());
    let flash = row("zai-org/GLM-4.7-Flash");
    assert!(flash.image.value.as_str().contains("tf5"));
}

#[test]
fn gpt_oss_uses_the_kernels_of_the_image_that_was_built_for_it() {
    let config = json!({"model_type": "gpt_oss", "architectures": ["GptOssForCausalLM"],
        "quantization_config": {"quant_method": "mxfp4"}});
    let disk = model("openai/gpt-oss-120b", 61, config);
    let built = proposed(&disk);
    assert_eq!(
        built.image.value.as_str(),
        "sparkarena/spark-vllm-docker:mxfp4"
    );
    assert_eq!(value(&built, "--mxfp4-backend"), Some("CUTLASS"));
    assert_eq!(built.env.len(), 1);
    let general = infer(&disk, &sparks(1), &[present("eugr/spark-vllm:latest", 1)]);
    assert_eq!(general.image.value.as_str(), "eugr/spark-vllm:latest");
    assert_eq!(flag(&general, "--quantization"), None);
}

#[test]
fn an_image_that_was_asked_has_the_last_word_on_parsers() {
    let config = json!({"model_type": "glm_moe_dsa", "architectures": ["GlmMoeDsaForCausalLM"]});
    let mut image = present("eugr/spark-vllm:latest", 2);
    image.says = Some(ImageSays {
        architectures: vec!["GlmMoeDsaForCausalLM".to_owned()],
        tool_parsers: vec!["glm45".to_owned()],
        reasoning_parsers: vec!["glm45".to_owned()],
    });
    let suggestion = infer(&model("zai-org/GLM-5", 8, config), &sparks(2), &[image]);
    assert_eq!(suggestion.image.confidence, Confidence::Certain);
    assert_eq!(flag(&suggestion, "--tool-call-parser"), None);
    assert_eq!(value(&suggestion, "--reasoning-parser"), Some("glm45"));
    assert!(codes(&suggestion).contains(&"parser_missing"));
}
