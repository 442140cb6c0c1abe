"""The tokenizer of the example's base: byte-level BPE with a small vocabulary and a chat template.

Called by `living_example.base_model`. The same corpus always gives the same files.
"""

from typing import Final

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from living_example.corpus import PROSE, base_pairs

VOCABULARY: Final = 512
CONTEXT: Final = 512
BOS: Final = "<s>"
EOS: Final = "</s>"
PAD: Final = "<pad>"
ROLES: Final = ("<|system|>", "<|user|>", "<|assistant|>")

CHAT_TEMPLATE: Final = """\
{{- bos_token -}}
{%- for message in messages -%}
{%- if message['role'] not in ['system', 'user', 'assistant'] -%}
{{- raise_exception('a role is one of system, user, assistant') -}}
{%- endif -%}
{{- '<|' + message['role'] + '|>\\n' + message['content'] | trim + eos_token -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|assistant|>\\n' -}}
{%- endif -%}
"""


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Return the tokenizer, trained on the texts of the corpus: at most `VOCABULARY` tokens."""
    core = Tokenizer(BPE())
    core.pre_tokenizer = ByteLevel(add_prefix_space=False)
    core.decoder = ByteLevelDecoder()
    core.train_from_iterator(_texts(), _trainer())
    core.post_processor = TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, core.token_to_id(BOS))]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _trainer() -> BpeTrainer:
    return BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, BOS, EOS, *ROLES],
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )


def _texts() -> list[str]:
    return [*PROSE, *(f"{pair.prompt} {pair.answer}" for pair in base_pairs())]
