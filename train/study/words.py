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

FEW = "**undecided**: only the quick preset was run"
FEW_PT = "**indecisa**: só o preset rápido foi executado"
SEEDS = "**undecided**: fewer than three seeds"
SEEDS_PT = "**indecisa**: menos de três sementes"

ONE_SEED, ONE_SEED_PT = "one training a fold", "um treino por fold"

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
    2: "Three seeds of the full preset. The test is the power of the window by which the needed depth grows; a deeper "
    "grid than eight layers could move it where eight are the most that is tried.",
    3: "A window network without a state that loses nothing against the carried state; or a GRU trained on records "
    "cut off at the same length that reaches the carried one, which would make the memory a habit and not a need.",
    4: "Three seeds of the full preset, in which conv → GRU is ahead of all others at two of three budgets with an "
    "interval above zero; trees or a TCN level with it refute the claim.",
    5: "Three seeds of the full preset. A GRU that steps on every sample pays at every sample, beat or not; one that "
    "steps on a beat's features, as the monitor's fusion does, is another machine and would have to be an arm of its "
    "own.",
    6: "The scores: where eight plain layers train to the same macro F1 as one, gradients that fall are no reason for "
    "shallow stacks, and the claim is refuted. Another start of the weights than PyTorch's would move the slopes.",
    7: "Three seeds of the full preset at equal parameters and equal patients. The gap must open earlier and wider "
    "in GRUs than in CNNs; more augmentation would narrow both.",
}
