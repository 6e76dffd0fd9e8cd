"""Tiny captioners of random weights, in transformers' own layouts: each family that is asked in a way of its own."""

import torch

WORDS = (
    *("a", "photo", "of", "woman", "man", "in", "red", "blue", "green", "black", "dress", "coat", "hoodie", "jeans"),
    *("street", "park", "the", "on", "with", "and"),
)
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]
VISION = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
TEXT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
ENDS = {"bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 0}
SIZE = {"height": 28, "width": 28}


def make_tokenizer(*more, template="</s> $A"):
    """One token a word. It begins texts with ``</s>``, as OPT's does, and ends them as ``template`` says."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *WORDS, *more])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=[("</s>", 2), ("<s>", 1)])
    names = {"pad_token": "<pad>", "bos_token": "</s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, additional_special_tokens=["<s>", *more], **names)


def save(model, processor, folder):
    """Weights as they come from training: pictures matter."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.normal_(0, 0.5)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_blip2(folder, image_token=True):
    """``image_token=False`` is what older copies on the hub look like."""
    from transformers import (
        Blip2Config,
        Blip2ForConditionalGeneration,
        Blip2Processor,
        BlipImageProcessorPil,
        OPTConfig,
    )

    tokenizer = make_tokenizer("<image>") if image_token else make_tokenizer()
    text = OPTConfig(
        **TEXT, **ENDS, vocab_size=len(SPECIAL) + len(WORDS) + image_token, ffn_dim=16, word_embed_proj_dim=16
    )
    config = Blip2Config(
        vision_config=VISION,
        qformer_config={**TEXT, "num_hidden_layers": 2, "intermediate_size": 16, "vocab_size": 8},
        text_config=text,
        num_query_tokens=4,
        image_token_index=len(tokenizer) - 1 if image_token else None,
    )
    torch.manual_seed(0)
    processor = Blip2Processor(BlipImageProcessorPil(size=SIZE), tokenizer, num_query_tokens=4 if image_token else None)
    return save(Blip2ForConditionalGeneration(config), processor, folder)


def save_blip(folder):
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipImageProcessorPil, BlipProcessor

    tokenizer = make_tokenizer(template="</s> $A </s>")
    text = {**TEXT, **ENDS, "bos_token_id": 1, "sep_token_id": 2, "vocab_size": len(tokenizer), "intermediate_size": 16}
    config = BlipConfig(
        vision_config=VISION, text_config={**text, "encoder_hidden_size": 16, "projection_dim": 16}, projection_dim=16
    )
    torch.manual_seed(0)
    processor = BlipProcessor(BlipImageProcessorPil(size=SIZE), tokenizer)
    return save(BlipForConditionalGeneration(config), processor, folder)


def save_git(folder):
    from transformers import CLIPImageProcessorPil, GitConfig, GitForCausalLM, GitProcessor

    tokenizer = make_tokenizer(template="<s> $A </s>")
    options = {**TEXT, **ENDS, "bos_token_id": 1, "vocab_size": len(tokenizer), "intermediate_size": 16}
    torch.manual_seed(0)
    model = GitForCausalLM(GitConfig(vision_config={**VISION, "projection_dim": 16}, **options))
    return save(model, GitProcessor(CLIPImageProcessorPil(size=SIZE, crop_size=SIZE), tokenizer), folder)


def save_llava(folder):
    """A model that chats."""
    from transformers import (
        CLIPImageProcessorPil,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    tokenizer = make_tokenizer("<image>")
    text = LlamaConfig(**TEXT, **ENDS, vocab_size=len(tokenizer), intermediate_size=16, num_key_value_heads=2)
    vision = {**VISION, "model_type": "clip_vision_model"}
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(
        LlavaConfig(vision_config=vision, text_config=text, image_token_index=len(tokenizer) - 1)
    )
    processor = LlavaProcessor(
        CLIPImageProcessorPil(size=SIZE, crop_size=SIZE),
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=(
            "{% for message in messages %}{% for part in message.content %}"
            "{{ '<image> ' if part.type == 'image' else part.text }}{% endfor %} :{% endfor %}"
        ),
    )
    return save(model, processor, folder)


def save_pair(folder):
    """ViT and GPT-2: an encoder and a decoder without a processor of their own."""
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        VisionEncoderDecoderModel,
        ViTConfig,
        ViTImageProcessorPil,
        ViTModel,
    )

    tokenizer = make_tokenizer(template="$A")
    decoder = GPT2Config(
        vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, n_positions=64, add_cross_attention=True, **ENDS
    )
    torch.manual_seed(0)
    model = VisionEncoderDecoderModel(encoder=ViTModel(ViTConfig(**VISION)), decoder=GPT2LMHeadModel(decoder))
    model.generation_config.update(decoder_start_token_id=2, **ENDS)
    model.config.update({"decoder_start_token_id": 2, **ENDS})
    tokenizer.save_pretrained(folder)
    return save(model, ViTImageProcessorPil(size=SIZE), folder)
