"""Prompts: their syntax, their chunks of tokens, their embeddings, and the house's templates.

One module a step, in the order in which a prompt passes them: ``presets`` (text in, text out), ``syntax`` (text to
weighted fragments), ``chunks`` (fragments to tokens, none lost), ``encode`` (tokens to embeddings; ``cache`` remembers
them). ``foreign`` names what other tools would read in it, ``editing`` changes words and keeps the weights of all
others, ``reading`` tells people how it is read. Nothing here imports torch before something is encoded.
"""
