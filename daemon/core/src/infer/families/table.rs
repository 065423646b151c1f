//! The families that are known, special ones before general ones.
//!
//! Parser names are those of vLLM's documentation and of the recipes that spark-arena, eugr and NVIDIA publish
//! for the DGX Spark. What nobody has confirmed on a Spark is marked as a guess.

use super::row::{Family, Flag, Image, Note, family, flag, note};

/// NVIDIA's recipe for GLM-5.3-Flash on two Sparks.
const B12X: &str = "eugr/spark-vllm-b12x:nightly-20261015";
const DEEPSEEK_V4_IMAGE: &str = "scitrera/dgx-spark-vllm-jasl-ds4:20260609";
const GEMMA4_IMAGE: &str = "vllm/vllm-openai:gemma4-cu130";
const MXFP4_IMAGE: &str = "sparkarena/spark-vllm-docker:mxfp4";

const NOT_THINKING: &str = "this version answers without thinking aloud";
const BY_REQUEST: &str = "it thinks only when a request asks for it";

const NO_IMAGES_BEYOND: Flag = flag(
    "--limit-mm-per-prompt",
    r#"{"image":4,"video":1}"#,
    "pictures and videos of one request take memory too",
);
const TEXT_ONLY: Flag = flag(
    "--language-model-only",
    "",
    "leaves the part for pictures out, when only text is asked",
);
const PYTHONIC: Flag = flag(
    "--tool-call-parser",
    "pythonic",
    "no parser is documented for this family; try this one with a tool template",
);
const REMOTE_PLUGIN: Note = note(
    "plugin_parser",
    "The tool parser of this family is a plugin that vLLM does not have",
    "Use it for chat without tools; \"detailed thinking on\" in the system prompt makes it think",
);
const VERY_NEW: Note = note(
    "new_architecture",
    "This architecture is very new: most images do not know it",
    "Take an image that was built after the model came out",
);

/// Every family; the first that holds is taken.
pub(super) static FAMILIES: &[Family] = &[
    // Fine-tunes that carry the architecture of another family.
    family("xLAM", Some("xlam"), None)
        .types(&["llama", "qwen2", "mixtral"])
        .when(|c| c.named(&["xlam"]))
        .or_named(),
    family("DeepSeek-R1-Distill", None, Some("deepseek_r1"))
        .types(&["qwen2", "llama"])
        .when(|c| c.named(&["r1-distill"])),
    family("Llama-Nemotron", None, None)
        .types(&["nemotron-nas"])
        .built(&["DeciLMForCausalLM"])
        .notes(&[REMOTE_PLUGIN]),
    family("Llama-Nemotron", None, None)
        .types(&["llama"])
        .when(|c| c.named(&["nemotron-nano", "nemotron-super", "nemotron-ultra"]))
        .notes(&[REMOTE_PLUGIN]),
    family("Hermes", Some("hermes"), None)
        .types(&["llama"])
        .when(|c| c.named(&["hermes"])),
    // Qwen
    family("QwQ", Some("hermes"), Some("deepseek_r1"))
        .types(&["qwen2"])
        .when(|c| c.named(&["qwq"])),
    family("Qwen2.5", Some("hermes"), None)
        .types(&["qwen2"])
        .built(&["Qwen2ForCausalLM"]),
    family("Qwen3-Coder", Some("qwen3_xml"), None)
        .types(&["qwen3_moe", "qwen3_next"])
        .when(|c| c.named(&["coder"])),
    family("Qwen3-Next", Some("hermes"), None)
        .types(&["qwen3_next"])
        .built(&["Qwen3NextForCausalLM"])
        .thinks("qwen3", |c| c.named(&["thinking"]), NOT_THINKING),
    family("Qwen3-VL", Some("hermes"), None)
        .types(&["qwen3_vl", "qwen3_vl_moe"])
        .built(&["Qwen3VL"])
        .thinks("qwen3", |c| c.named(&["thinking"]), NOT_THINKING)
        .flags(&[NO_IMAGES_BEYOND]),
    family("Qwen3", Some("hermes"), None)
        .types(&["qwen3", "qwen3_moe"])
        .built(&["Qwen3ForCausalLM", "Qwen3MoeForCausalLM"])
        .thinks("qwen3", |c| !c.named(&["-instruct-2507"]), NOT_THINKING),
    family("Qwen3.5", Some("qwen3_xml"), Some("qwen3"))
        .types(&["qwen3_5", "qwen3_5_moe", "qwen3_5_text", "qwen3_5_moe_text"])
        .built(&["Qwen3_5"])
        .offers(&[TEXT_ONLY]),
    family("Qwen3.8-Flash-Next", Some("qwen3_xml"), Some("qwen3"))
        .types(&["qwen4_exp"])
        .built(&["Qwen4Exp"])
        .guess()
        .notes(&[VERY_NEW]),
    // Llama
    family("Llama 4", Some("llama4_pythonic"), None)
        .types(&["llama4"])
        .built(&["Llama4ForConditionalGeneration"])
        .offers(&[flag(
            "--chat-template",
            "examples/tool_chat_template_llama4_pythonic.jinja",
            "vLLM's example template for tools, where the image carries its examples",
        )]),
    family("Llama 3", Some("llama3_json"), None)
        .types(&["llama"])
        .when(|c| c.named(&["llama-3", "llama3", "llama_3"]) || c.vocabulary == Some(128_256))
        .offers(&[flag(
            "--chat-template",
            "examples/tool_chat_template_llama3.1_json.jinja",
            "vLLM's example template for tools, where the image carries its examples",
        )]),
    // OpenAI
    family("gpt-oss", Some("openai"), Some("openai_gptoss"))
        .types(&["gpt_oss"])
        .built(&["GptOssForCausalLM"])
        .image(Image::Prefer(MXFP4_IMAGE)),
    // GLM
    family("GLM-4.7-Flash", Some("glm47"), Some("glm45"))
        .types(&["glm4_moe_lite"])
        .built(&["Glm4MoeLiteForCausalLM"])
        .image(Image::Transformers5),
    family("GLM-4.7", Some("glm47"), Some("glm45"))
        .types(&["glm4_moe"])
        .when(|c| c.named(&["glm-4.7"])),
    family("GLM-4.5", Some("glm45"), Some("glm45"))
        .types(&["glm4_moe", "glm4v_moe"])
        .built(&["Glm4MoeForCausalLM", "Glm4vMoe"]),
    family("GLM-5", Some("glm47"), Some("glm47"))
        .types(&["glm_moe_dsa"])
        .built(&["GlmMoeDsaForCausalLM"])
        .older_reasoning("glm45"),
    family("GLM-5.3-Flash", Some("glm47"), Some("glm47"))
        .types(&["glm5_next"])
        .guess()
        .image(Image::Need(B12X)),
    // Kimi, before DeepSeek whose architecture it took
    family("Kimi-K3", Some("kimi_k3"), Some("kimi_k3"))
        .types(&["kimi_k3"])
        .built(&["KimiK3ForConditionalGeneration"]),
    family("Kimi-K2", Some("kimi_k2"), None)
        .types(&["kimi_k2", "kimi_k25"])
        .built(&["KimiK25ForConditionalGeneration"])
        .thinks("kimi_k2", |c| !c.named(&["instruct"]), NOT_THINKING),
    family("Kimi-K2", Some("kimi_k2"), None)
        .types(&["deepseek_v3"])
        .when(|c| c.named(&["kimi"]))
        .thinks("kimi_k2", |c| !c.named(&["instruct"]), NOT_THINKING),
    family("Kimi-Linear", Some("kimi_k2"), None)
        .types(&["kimi_linear"])
        .built(&["KimiLinearForCausalLM"])
        .guess(),
    // DeepSeek
    family("DeepSeek-R1", Some("deepseek_v3"), Some("deepseek_r1"))
        .types(&["deepseek_v3"])
        .when(|c| c.named(&["-r1"]))
        .offers(&[flag(
            "--chat-template",
            "examples/tool_chat_template_deepseekr1.jinja",
            "vLLM's example template for tools, where the image carries its examples",
        )]),
    family("DeepSeek-V3.1", Some("deepseek_v31"), Some("deepseek_v3"))
        .types(&["deepseek_v3"])
        .when(|c| c.named(&["v3.1"]))
        .notes(&[note(
            "thinking_off",
            "It thinks only when a request says so",
            "Send chat_template_kwargs {\"thinking\": true} with the request",
        )]),
    family("DeepSeek-V3", Some("deepseek_v3"), Some("deepseek_v3"))
        .types(&["deepseek_v3"])
        .built(&["DeepseekV3ForCausalLM"])
        .offers(&[flag(
            "--chat-template",
            "examples/tool_chat_template_deepseekv3.jinja",
            "vLLM's example template for tools, where the image carries its examples",
        )]),
    family("DeepSeek-V3.2", Some("deepseek_v32"), Some("deepseek_v3"))
        .types(&["deepseek_v32"])
        .built(&["DeepseekV32ForCausalLM"])
        .own_template(),
    family("DeepSeek-V4", Some("deepseek_v4"), Some("deepseek_v4"))
        .types(&["deepseek_v4"])
        .built(&["DeepseekV4ForCausalLM"])
        .image(Image::Need(DEEPSEEK_V4_IMAGE))
        .own_template()
        .flags(&[
            flag(
                "--tokenizer-mode",
                "deepseek_v4",
                "the chat template of this family is in the engine",
            ),
            flag("--block-size", "256", "its compressed cache needs it"),
        ]),
    // Mistral
    family("Voxtral", None, None)
        .types(&["voxtral", "voxtral_realtime"])
        .built(&["Voxtral"])
        .mistral_format()
        .own_template(),
    family("Mistral", Some("mistral"), None)
        .types(&["mistral", "mistral3", "ministral", "ministral3", "mistral4"])
        .built(&[
            "MistralForCausalLM",
            "Mistral3",
            "MistralLarge3",
            "Ministral3",
        ])
        .thinks(
            "mistral",
            |c| c.named(&["magistral", "small-4", "reasoning"]),
            NOT_THINKING,
        )
        .mistral_format(),
    // NVIDIA
    family("Nemotron-3", Some("qwen3_coder"), Some("nemotron_v3"))
        .types(&["nemotron_h"])
        .built(&["NemotronHForCausalLM"])
        .flags(&[
            flag(
                "--attention-backend",
                "TRITON_ATTN",
                "as in the published recipes of this family",
            ),
            flag(
                "--mamba-ssm-cache-dtype",
                "float32",
                "its Mamba states lose too much in fewer bits",
            ),
        ]),
    // Google
    family("Gemma 4", Some("gemma4"), Some("gemma4"))
        .types(&["gemma4", "gemma4_text", "gemma4_unified"])
        .built(&["Gemma4"])
        .image(Image::Prefer(GEMMA4_IMAGE))
        .notes(&[note(
            "thinking_off",
            "It thinks only when a request says so",
            "Send chat_template_kwargs {\"enable_thinking\": true} with the request",
        )]),
    family("FunctionGemma", Some("functiongemma"), None)
        .types(&["gemma3_text"])
        .when(|c| c.named(&["functiongemma"])),
    family("Gemma 3", None, None)
        .types(&["gemma3", "gemma3_text", "gemma3n", "gemma3n_text"])
        .built(&["Gemma3", "Gemma3n"])
        .offers(&[PYTHONIC]),
    // MiniMax
    family("MiniMax-M3", Some("minimax_m3"), Some("minimax_m3"))
        .types(&["minimax_m3", "minimax_m3_vl"])
        .built(&["MiniMaxM3Sparse"])
        .guess()
        .notes(&[note(
            "other_engine",
            "On the Spark this family has been run with SGLang, not with vLLM",
            "Try it; if vLLM refuses it, serve it by hand with scitrera/dgx-spark-sglang-mm:v0",
        )]),
    family("MiniMax-M2", Some("minimax_m2"), Some("minimax_m2"))
        .types(&["minimax_m2"])
        .built(&["MiniMaxM2ForCausalLM"]),
    // Microsoft
    family("Phi-4-mini", Some("phi4_mini_json"), None)
        .types(&["phi3"])
        .when(|c| c.named(&["phi-4-mini"]) && !c.named(&["reasoning"])),
    family("Phi-4-reasoning", None, Some("deepseek_r1"))
        .types(&["phi3"])
        .when(|c| c.named(&["phi-4"]) && c.named(&["reasoning"]))
        .guess(),
    family("Phi-4-multimodal", Some("phi4_mini_json"), None)
        .types(&["phi4mm"])
        .built(&["Phi4MMForCausalLM"])
        .guess(),
    // IBM
    family("Granite 4", Some("granite4"), None)
        .types(&["granitemoehybrid"])
        .built(&["GraniteMoeHybridForCausalLM"]),
    family("Granite 20B function calling", Some("granite-20b-fc"), None)
        .types(&["gpt_bigcode"])
        .when(|c| c.named(&["granite-20b-fc", "granite-20b-functioncalling"])),
    family("Granite 3", Some("granite"), None)
        .types(&["granite", "granitemoe"])
        .built(&["GraniteForCausalLM", "GraniteMoeForCausalLM"])
        .thinks("granite", |c| c.named(&["3.2"]), BY_REQUEST),
    // Others
    family("Seed-OSS", Some("seed_oss"), Some("seed_oss"))
        .types(&["seed_oss"])
        .built(&["SeedOssForCausalLM"]),
    family("Hunyuan-A13B", Some("hunyuan_a13b"), Some("hunyuan_a13b"))
        .types(&["hunyuan_v1_moe"])
        .built(&["HunYuanMoEV1ForCausalLM"]),
    family("HY-V3", Some("hy_v3"), Some("hy_v3"))
        .types(&["hy_v3"])
        .when(|c| c.named(&["hy-v3", "hy_v3", "hy3"]))
        .or_named(),
    family("Step-3.5", Some("step3p5"), Some("step3p5"))
        .types(&["step3p5"])
        .built(&["Step3p5ForCausalLM"]),
    family("Step-3", Some("step3"), Some("step3"))
        .types(&["step3", "step3_vl", "step3_text"])
        .built(&["Step3VL", "Step3Text"]),
    family("ERNIE-4.5", Some("ernie45"), Some("ernie45"))
        .types(&["ernie4_5", "ernie4_5_moe"])
        .built(&["Ernie4_5"]),
    family("LFM2", Some("lfm2"), None)
        .types(&["lfm2", "lfm2_moe"])
        .built(&["Lfm2ForCausalLM", "Lfm2MoeForCausalLM"]),
    family("OLMo 3", Some("olmo3"), None)
        .types(&["olmo3"])
        .built(&["Olmo3ForCausalLM"])
        .thinks("olmo3", |c| !c.named(&["instruct"]), NOT_THINKING),
    family("MiMo", Some("mimo"), Some("mimo"))
        .types(&["mimo"])
        .built(&["MiMoForCausalLM"]),
    family("Apertus", Some("apertus"), None)
        .types(&["apertus"])
        .built(&["ApertusForCausalLM"]),
    family("LongCat-Flash", Some("longcat"), None)
        .types(&["longcat_flash"])
        .built(&["LongcatFlashForCausalLM"]),
    family("InternLM", Some("internlm"), None)
        .types(&["internlm", "internlm2", "internlm3"])
        .built(&["InternLM"]),
    family("Jamba", Some("jamba"), None)
        .types(&["jamba"])
        .built(&["JambaForCausalLM"]),
    family(
        "Cohere Command 4",
        Some("cohere_command4"),
        Some("cohere_command4"),
    )
    .types(&["cohere", "cohere2", "cohere2_vision"])
    .when(|c| c.named(&["command-4", "command4"]))
    .guess(),
    family(
        "Cohere Command",
        Some("cohere_command3"),
        Some("cohere_command3"),
    )
    .types(&["cohere", "cohere2", "cohere2_vision"])
    .built(&["CohereForCausalLM", "Cohere2"])
    .guess(),
    family("Laguna", Some("poolside_v1"), Some("poolside_v1"))
        .types(&["laguna"])
        .built(&["LagunaForCausalLM"])
        .notes(&[note(
            "reasoning_field",
            "Its reasoning comes in a field that not every client reads",
            "Look at reasoning and reasoning_content when content is empty",
        )]),
];
