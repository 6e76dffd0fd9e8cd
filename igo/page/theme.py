"""What the page looks like: the colours of the documentation, the reader's own fonts, and nothing from elsewhere."""

from __future__ import annotations

from typing import Any

MADDER = {
    "c50": "#fcf3f4", "c100": "#f9e3e6", "c200": "#f3c7cd", "c300": "#ea9fa9", "c400": "#dd7384", "c500": "#c2556a",
    "c600": "#a33b4a", "c700": "#8a2f3d", "c800": "#702733", "c900": "#5a222b", "c950": "#331016",
}  # fmt: skip
FONTS = ("ui-sans-serif", "system-ui", "sans-serif")
MONO = ("ui-monospace", "Consolas", "monospace")
CSS = """
.igo-status { min-height: 1.6rem }
.igo-status p { margin: 0 0 .4rem 0 }
.igo-status img { height: 24rem; max-width: 100%; object-fit: contain; object-position: left; border-radius: .4rem;
  margin: .8rem 0 0 0 }
.igo-status progress { width: 100%; height: .6rem; appearance: none; border: 0; border-radius: .3rem; overflow: hidden }
.igo-status progress::-webkit-progress-bar { background: var(--neutral-300) }
.igo-status progress::-webkit-progress-value { background: #a33b4a }
.igo-status progress::-moz-progress-bar { background: #a33b4a }
#stage:not(:has(#status progress)) #cancel, #stage:not(:has(#result img)) #actions { display: none }
#result:not(:has(img)), #downloads:not(:has(a)), #batch-result:not(:has(a)) { display: none }
:not(:has(> #batch-status progress)) > #batch-stop { display: none }
#result .thumbnails:not(:has(> :nth-child(2))), #past .caption-label { display: none }
#past .grid-wrap { padding-top: 2.2rem; overflow-y: auto; max-height: 20rem; min-height: 0 }
#past .grid-container { grid-template: none !important; grid-auto-rows: auto !important;
  grid-template-columns: repeat(auto-fill, 5.5rem) !important }
#past .thumbnail-item { width: 5.5rem; height: 7.5rem }
#chain-add { align-self: end }
.igo-status .error, .igo-status .clear-status { display: none }
.igo-status .pending { opacity: 1 }
.igo-status .wrap { overflow: visible !important; background: none }
.igo-tokens { line-height: 1.9; overflow-wrap: anywhere }
.igo-tokens span { border-radius: .3rem; padding: .1rem .3rem }
.igo-tokens .up { background: #f3c7cd; color: #331016 }
.igo-tokens .down { background: #d5e3f5; color: #10233b }
.igo-tokens sub { font-size: .75em; color: inherit !important }
.igo-help { font-size: .9rem }
[role=tab].selected { color: #a33b4a !important }
.dark [role=tab].selected { color: #ea9fa9 !important }
.source-selection button { color: var(--body-text-color-subdued) }
#downloads .label-clear-button { display: none }
.dark .download a { color: #ea9fa9 }
footer { gap: 1rem }
footer .divider { display: none !important }
:focus-visible { outline: 3px solid #c2556a !important; outline-offset: 2px }
input:focus-visible, textarea:focus-visible { outline-width: 2px !important; outline-offset: -1px }
@media (max-width: 640px) {
  #stage { min-height: 100vh }
}
"""


def theme() -> Any:
    """Gradio's theme, of which no font is fetched."""
    import gradio as gr

    madder = gr.themes.Color(name="madder", **MADDER)
    made = gr.themes.Default(
        primary_hue=madder, secondary_hue=madder, neutral_hue=gr.themes.colors.stone, font=FONTS, font_mono=MONO
    )
    return made.set(
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_100",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
    )
