"""Words that prompts about clothes are made of, in lower case, hyphens taken for spaces."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LONG_SLEEVES = ("hoodie", "sweater", "jumper", "pullover", "sweatshirt", "cardigan", "jacket", "blazer", "coat",
                "parka", "suit", "blouse", "shirt", "longsleeve")  # fmt: skip
SHORT_SLEEVES = ("t-shirt", "tshirt", "tee", "tank top", "vest", "camisole", "polo", "crop top", "dress", "top")
LONG_LEGS = ("jeans", "trousers", "pants", "leggings", "slacks", "chinos", "joggers", "overalls")
SHORT_LEGS = ("shorts", "skirt", "miniskirt", "dress")

SYNONYMS = (
    ("t-shirt", "tshirt", "tee", "tee shirt"),
    ("sweater", "jumper", "pullover"),
    ("hoodie", "hooded sweatshirt", "hoody"),
    ("trousers", "pants", "slacks"),
    ("sneakers", "trainers"),
    ("bag", "handbag", "purse"),
    ("coat", "overcoat"),
    ("tank top", "singlet"),
)
"""What is one thing under several names."""
PARTS = _words("""
    belt button collar cuff dot fringe hem hood lapel lining logo neckline panel pattern pocket print seam sleeve
    stitching strap stripe trim zip zipper
""")
"""What garments have, in the singular."""
COLORS = _words("""
    aqua beige black blue bronze brown burgundy camel charcoal copper coral cream crimson cyan emerald fuchsia gold
    golden gray green grey indigo ivory khaki lavender lilac lime magenta maroon mauve mint mustard navy olive
    orange peach pink plum purple red rose ruby rust salmon sand sapphire scarlet silver tan taupe teal turquoise
    violet white wine yellow color colored colors colour coloured colours colorful colourful multicolored
    multicoloured monochrome neon pastel rainbow amarillo azul bianca bianco blanc blanca blanche blanco bleu bleue
    blu branca branco brun brune gialla giallo gris grise jaune marron marrón negra negro nera nero noir noire preta
    preto roja rojo rossa rosso rouge verde vermelha vermelho vert verte violette
""")
ADJECTIVES = COLORS | _words("""
    bright dark deep faded light pale soft vivid very quite rather camo camouflage checked checkered dot dotted
    floral graphic houndstooth leopard paisley patterned plaid plain polka printed spotted striped tartan cashmere
    chiffon corduroy cotton denim fleece fur knit knitted lace leather linen nylon polyester satin silk suede tweed
    velvet wool woolen woollen baggy big classic cropped elegant fit fitted heavy large little long loose new old
    oversized padded quilted ripped short slim small tight vintage warm worn
""")
"""What says how a garment looks, wherever it stands."""
DETERMINERS = _words("""
    a an the his her their my your our its this that these those some another one two three ein eine einen einem
    einer eines der die das den dem sein seine seinen ihr ihre ihren un une le la les l des du d son sa ses una uno
    el los las il lo gli i su sus um uma o os seu sua
""")
JOINTS = frozenset(("and", "or", "und", "oder", "et", "ou", "y", "e", "con"))
STOPS = JOINTS | _words("""
    in on at with without of but over under beneath above beside behind before near by to from for as into onto
    against through plus is are was were be being has have having who which while featuring made wearing wears wear
    dressed holding carrying standing sitting walking posing smiling looking im am auf aus mit ohne trägt von vor
    dans en avec sur sans de portant porte sin lleva com em na da di
""")
"""What no garment's own words reach over."""
LEADS = (
    _words("""
    in on with over under beneath wearing wears plus mit avec com con im en dans
""")
    | JOINTS
)
"""What goes with a garment that goes."""
PEOPLE = _words("""
    man men woman women girl girls boy boys lady ladies guy guys person persons people model models couple child
    children kid kids somebody someone figure photo photograph picture image portrait mann männer frau frauen homme
    femme hombre mujer uomo donna homem mulher
""")
GARMENTS = frozenset((*LONG_SLEEVES, *SHORT_SLEEVES, *LONG_LEGS, *SHORT_LEGS))
