"""The six generators of the study in miniature: architectures with random weights, special tokens and turns.

The chat templates are written for these tests from the rendered text alone (tests/golden/chat_templates.json).
"""

from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
POSITIONS = 512


@dataclass(frozen=True)
class Family:
    """bos, eos: tokens with a role; marks: special tokens without one; ends: what ends an answer."""

    template: str
    bos: str | None
    eos: str
    marks: tuple[str, ...]
    ends: tuple[str, ...]
    adds_bos: bool = False


FAMILIES = {
    "phi35_mini": Family(
        "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
        "<s>", "<|endoftext|>", ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"), ("<|endoftext|>", "<|end|>"),
    ),
    "qwen25_7b": Family(
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
        None, "<|im_end|>", ("<|im_start|>", "<|endoftext|>"), ("<|im_end|>", "<|endoftext|>"),
    ),
    "llama31_8b": Family(
        "{{ bos_token }}<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
        "Today Date: {{ date_string }}\n\n<|eot_id|>{% for m in messages %}"
        "<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>{% endfor %}"
        "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}",
        "<|begin_of_text|>", "<|eot_id|>", ("<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>"),
        ("<|eot_id|>", "<|eom_id|>"), True,
    ),
    "mistral_7b_v03": Family(
        "{{ bos_token }}{% for m in messages %}[INST] {{ m.content }}[/INST]{% endfor %}",
        "<s>", "</s>", ("[INST]", "[/INST]", "[TOOL_CALLS]"), ("</s>",), True,
    ),
    "gemma2_9b": Family(
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system role') }}"
        "{% endif %}<start_of_turn>{{ m.role }}\n{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
        "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
        "<bos>", "<eos>", ("<start_of_turn>", "<end_of_turn>"), ("<eos>", "<end_of_turn>"), True,
    ),
    "mistral_nemo_12b": Family(
        "{{ bos_token }}{% for m in messages %}[INST]{{ m.content }}[/INST]{% endfor %}",
        "<s>", "</s>", ("[INST]", "[/INST]", "[TOOL_CALLS]"), ("</s>",), True,
    ),
}  # fmt: skip


def chat_of(name: str) -> dict:
    """The `chat` settings of a generator in params/models.yaml."""
    return entry_of(name)["chat"]


def entry_of(name: str, **changes) -> dict:
    """The entry of a generator in params/models.yaml, as a job carries it."""
    models = yaml.safe_load((ROOT / "params/models.yaml").read_text(encoding="utf-8"))
    return {"name": name, **models["generators"][name], **changes}


def tiny_tokenizer(name: str):
    """Bytes, the words yes and no, and the special tokens of the family."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    own = FAMILIES[name]
    roles = [token for token in (own.bos, own.eos) if token]
    words = [*roles, *sorted(pre_tokenizers.ByteLevel.alphabet()), "ye", "yes", "no"]
    vocabulary = {word: index for index, word in enumerate(words)}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[("y", "e"), ("ye", "s"), ("n", "o")]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    if own.adds_bos:
        inner.post_processor = processors.TemplateProcessing(
            single=f"{own.bos} $A", special_tokens=[(own.bos, vocabulary[own.bos])]
        )
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token=own.bos, eos_token=own.eos, chat_template=own.template,
        clean_up_tokenization_spaces=False,
    )  # fmt: skip
    made.add_tokens([AddedToken(mark, special=True, normalized=False) for mark in own.marks], special_tokens=True)
    return made


def tiny_config(name: str, tokenizer):
    """Two layers of the architecture, with what sets it apart from the others."""
    import transformers

    shape = {
        "vocab_size": len(tokenizer), "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": POSITIONS,
        "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": None,
    }  # fmt: skip
    if name == "phi35_mini":  # long-context rotary factors, one projection for queries, keys and values
        ones = [1.0 + index / 32 for index in range(16)]
        rope = {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": ones, "long_factor": ones[::-1],
                "original_max_position_embeddings": POSITIONS, "factor": 2.0}  # fmt: skip
        shape |= {"max_position_embeddings": 2 * POSITIONS, "original_max_position_embeddings": POSITIONS}
        return transformers.Phi3Config(**shape, rope_parameters=rope)
    if name == "qwen25_7b":
        return transformers.Qwen2Config(**shape)
    if name == "llama31_8b":
        rope = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 128}  # fmt: skip
        return transformers.LlamaConfig(**shape, rope_parameters=rope)
    if name == "gemma2_9b":  # every other layer sees a window that is shorter than the prompts
        return transformers.Gemma2Config(**shape, head_dim=32, query_pre_attn_scalar=32, sliding_window=64)
    if name == "mistral_nemo_12b":  # heads that do not fill the width
        return transformers.MistralConfig(**(shape | {"hidden_size": 96}), head_dim=32, sliding_window=None)
    return transformers.MistralConfig(**shape, sliding_window=None)


def save_tiny(name: str, folder: Path) -> Path:
    """Write a random model of the family's architecture into `folder`/`name` and return that folder."""
    import torch
    import transformers

    target = folder / name
    tokenizer = tiny_tokenizer(name)
    tokenizer.save_pretrained(target)
    torch.manual_seed(5)
    model = transformers.AutoModelForCausalLM.from_config(tiny_config(name, tokenizer), dtype=torch.float32)
    for parameter in model.parameters():  # wide enough that no two tokens are equally likely
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    model.generation_config.eos_token_id = [tokenizer.convert_tokens_to_ids(end) for end in FAMILIES[name].ends]
    model.save_pretrained(target)
    return target


def save_tiny_nllb(folder: Path) -> Path:
    """Write a random model of NLLB's architecture, with a tokenizer of characters, into `folder`/tiny_nllb."""
    import string

    import torch
    import transformers

    target = folder / "tiny_nllb"
    words = ["<s>", "<pad>", "</s>", "<unk>", "\u2581", *string.ascii_letters, *string.digits, *".,;:()-"]
    tokenizer = transformers.NllbTokenizer(
        vocab={word: index for index, word in enumerate(words)}, merges=[],
        additional_special_tokens=["eng_Latn", "fra_Latn", "deu_Latn", "jpn_Jpan", "zho_Hans"],
    )  # fmt: skip
    tokenizer.save_pretrained(target)
    torch.manual_seed(5)
    config = transformers.M2M100Config(
        vocab_size=len(tokenizer), d_model=32, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=32,
        decoder_ffn_dim=32, encoder_attention_heads=2, decoder_attention_heads=2, max_position_embeddings=128,
        dropout=0.0,
    )  # fmt: skip
    model = transformers.M2M100ForConditionalGeneration(config)
    for parameter in model.parameters():  # wide enough that no two tokens are equally likely
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(target)
    return target
