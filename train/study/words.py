"""The report's fixed words, in English and Portuguese: claims, outcomes, and what would change a verdict."""

from __future__ import annotations

CLAIMS = {
    1: "CNNs extract features level by level",
    2: "A larger input needs more convolution layers",
    3: "RNNs are temporal extractors with a memory",
    4: "RNNs remember what convolutions extracted: CNN → RNN is best",
    5: "RNNs classify ECG with less complexity",
    6: "Deeper RNNs suffer from vanishing gradients",
    7: "RNNs overfit sequential data fast",
}

CLAIMS_PT = {
    1: "CNNs extraem características nível por nível",
    2: "Uma entrada maior precisa de mais camadas convolucionais",
    3: "RNNs extraem o tempo e têm memória",
    4: "RNNs lembram o que as convoluções extraíram: CNN → RNN é o melhor",
    5: "RNNs classificam ECG com menos complexidade",
    6: "RNNs mais profundas sofrem com gradientes que desaparecem",
    7: "RNNs sobreajustam depressa dados sequenciais",
}

OUTCOMES = {
    "supported": "**supported**",
    "refuted": "**refuted**",
    "undecided": "**undecided**: the interval allows both",
    "missing": "**undecided**: its arms have not been run",
}

OUTCOMES_PT = {
    "supported": "**sustentada**",
    "refuted": "**refutada**",
    "undecided": "**indecisa**: o intervalo permite as duas respostas",
    "missing": "**indecisa**: os treinos não foram feitos",
}

ARMS = ("with three seeds", "with a seed", "planned")
"""What is counted of a claim that is not whole yet."""

PART = "**undecided**: {begun} of {planned} arms have been run so far, {done} of them with three seeds"
PART_PT = (
    "**indecisa**: {begun} de {planned} braços foram treinados até agora, {done} deles com três sementes"
)

FEW = "**undecided**: only the quick preset was run"
FEW_PT = "**indecisa**: só o preset rápido foi executado"
SEEDS = "**undecided**: fewer than three seeds"
SEEDS_PT = "**indecisa**: menos de três sementes"

ONE_SEED, ONE_SEED_PT = "one training a fold", "um treino por fold"

CUT = (
    "The full preset is cut to what decides, so that two cores finish it in a day: every arm with three "
    "seeds and three folds, and in claims 3, 4, 5 and 7 with all the training that was planned. Left out: "
    "in claim 2 windows of 1, 4 and 16 s, and layers of 16 units (8 instead); in claim 6 stacks of 3 and "
    "6 layers, and of 32 units (16 instead; the gradients before training are of 32); in claim 5 what is "
    "both deep and wide: GRUs of 3 and 4 layers of 32 units and more, of 2 layers of 64 and more, CNNs of "
    "12 layers, and of 4 layers and more of 64. Three seeds are the least that a verdict asks for; "
    "nowhere are there five."
)
"""What of the study as planned is not run, and why."""

WHOM = {
    "folds": "the monitor's own networks, three folds",
    "gradients": "its first half: gradients of stacks before training",
    "full": "arms of the study, full preset",
    "quick": "arms of the study, quick preset",
}

WHOM_PT = {
    "folds": "as redes do próprio monitor, três folds",
    "gradients": "sua primeira metade: gradientes de pilhas antes do treino",
    "full": "braços do estudo, preset completo",
    "quick": "braços do estudo, preset rápido",
}

CHANGE = {
    1: "A CNN whose last convolution tells a linear probe no more than its first, over several trainings of a fold; "
    "or probes with a hidden layer, should they find in the first layer what linear ones do not.",
    2: "The test is the power of the window by which the needed depth grows; a deeper "
    "grid than eight layers could move it where eight are the most that is tried.",
    3: "A window network without a state that loses nothing against the carried state; or a GRU trained on records "
    "cut off at the same length that reaches the carried one, which would make the memory a habit and not a need.",
    4: "Trainings in which conv → GRU is ahead of all others at two of three budgets with an "
    "interval above zero; trees or a TCN level with it refute the claim.",
    5: "A GRU that steps on every sample pays at every sample, beat or not; one that "
    "steps on a beat's features, as the monitor's fusion does, is another machine and would have to be an arm of its "
    "own.",
    6: "The scores: where eight plain layers train to the same macro F1 as one, gradients that fall are no reason for "
    "shallow stacks, and the claim is refuted. Another start of the weights than PyTorch's would move the slopes.",
    7: "The gap, at equal parameters and equal patients, must open earlier and wider in GRUs than in CNNs for the "
    "claim to hold; more augmentation would narrow both.",
}

NEEDED = "Three whole seeds of the full preset would decide it. "


def seeds(n: int | str) -> str:
    """So many seeds, the word as it should be."""
    return f"{n} seed{'' if str(n) == '1' else 's'}"


def number(value: float, digits: int, portuguese: bool = False) -> str:
    """A number with so many digits after the point; in Portuguese with a comma."""
    text = f"{value:.{digits}f}"
    return text.replace(".", ",") if portuguese else text


def span(value: float, low: float, high: float, portuguese: bool = False) -> str:
    """A number and its interval; in Portuguese with commas."""
    text = f"{value:.3f} [{low:.3f}, {high:.3f}]"
    return text.replace(", ", "; ").replace(".", ",") if portuguese else text
