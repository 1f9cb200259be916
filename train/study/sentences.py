"""The sentences with which a decided verdict answers the question, in English and Portuguese."""

from __future__ import annotations

Sentences = dict[tuple[int, str, str], str]

HEADS = {
    "supported": "**Supported**",
    "refuted": "**Refuted**",
    "undecided": "**Undecided**",
    "claim": "claim",
    "wide": "{span} ({whom}); the interval allows both answers.",
    "few": "of claims {claims} not enough has been trained yet.",
}

HEADS_PT = {
    "supported": "**Sustentada**",
    "refuted": "**Refutada**",
    "undecided": "**Indecisa**",
    "claim": "afirmação",
    "wide": "{span} ({whom}); o intervalo permite as duas respostas.",
    "few": "das afirmações {claims} ainda não se treinou o bastante.",
}

SENTENCES: Sentences = {
    (1, "folds", "supported"): (
        "convolutions do extract level by level: a linear probe of the last layer tells N, S and V better "
        "than one of the first, by {span}."
    ),
    (1, "folds", "refuted"): (
        "the last convolution tells a linear probe no more of N, S and V than the first: {span}."
    ),
    (2, "full", "supported"): (
        "a plain CNN sees a longer window only with more layers: the depth that it needs grows as the window "
        "to the power {span}; with dilation to the power {dilated}."
    ),
    (2, "full", "refuted"): (
        "a CNN needs no more layers for a longer window either: the depth that it needs grows as the window "
        "to the power {span} where 1 would be in step with it."
    ),
    (3, "full", "supported"): (
        "one recurrent layer already reaches back over beats, since it reaches by its state and not by its "
        "depth: set back every 2 s, the state costs {span} of macro F1."
    ),
    (3, "full", "refuted"): (
        "it is not the state's long reach: set back every 2 s, a GRU loses {span} of macro F1, less than "
        "counts."
    ),
    (3, "folds", "supported"): (
        "the one layer of the monitor's own GRU lives on what it heard seconds ago: with the last 2 s alone "
        "it loses {span} of macro F1, and its state tells the beat and the interval before, which its input "
        "does not."
    ),
    (3, "folds", "refuted"): (
        "the monitor's own GRU loses {span} of macro F1 where it has heard 2 s alone: it does not live on its "
        "memory."
    ),
    (4, "full", "supported"): (
        "convolutions before the GRU are worth having: at the middle one of three equal budgets conv → GRU is "
        "ahead of the best other by {span}."
    ),
    (4, "full", "refuted"): (
        "convolutions before the GRU are not the best of both: at the middle one of three equal budgets conv "
        "→ GRU less the best other is {span} of macro F1."
    ),
    (5, "full", "supported"): (
        "at equal macro F1 the cheapest GRU has {log2_layers} times the layers of the cheapest CNN, "
        "{log2_params} times its parameters and {log2_macs_s} times its multiplications a second."
    ),
    (5, "full", "refuted"): (
        "fewer layers are not less work: at equal macro F1 the cheapest GRU has {log2_layers} times the "
        "layers of the cheapest CNN and {log2_macs_s} times its multiplications a second."
    ),
    (5, "full", "no gru"): (
        "no GRU that steps on samples came within 0.02 of the best network, so none is a cheaper one of equal "
        "worth: the best GRU less the best CNN is {best_gru___best_cnn} of macro F1. Layers of the best CNN: "
        "{layers_of_the_best_cnn}; of the best GRU: {layers_of_the_best_gru}."
    ),
    (5, "full", "no cnn"): (
        "no CNN came within 0.02 of the best network, which is a GRU: the best GRU less the best CNN is "
        "{best_gru___best_cnn} of macro F1."
    ),
    (6, "full", "supported"): (
        "deep recurrent stacks train worse: eight plain layers against one lose "
        "{gru__lost_from_1_to_8_layers} (GRU) and {lstm__lost_from_1_to_8_layers} (LSTM) of macro F1."
    ),
    (6, "full", "refuted"): (
        "trained, eight recurrent layers do as well as one: they lose {gru__lost_from_1_to_8_layers} (GRU) "
        "and {lstm__lost_from_1_to_8_layers} (LSTM) of macro F1."
    ),
    (6, "gradients", "supported"): (
        "before training, each recurrent layer put on top changes the slope that the first layer learns from "
        "by {rnn__decades_a_layer__plain} (vanilla RNN), {lstm__decades_a_layer__plain} (LSTM) and "
        "{gru__decades_a_layer__plain} (GRU) powers of ten; residuals with LayerNorm mend it."
    ),
    (6, "gradients", "refuted"): (
        "before training, layers put on top do not weaken what the first one learns from: {span} powers of "
        "ten a layer."
    ),
    (7, "full", "supported"): (
        "GRUs overfit sooner and wider than CNNs of equal parameters: the gap to unseen patients is wider by "
        "{span} of macro F1."
    ),
    (7, "full", "refuted"): (
        "it is not overfitting: the gap between training beats and unseen patients is no wider in GRUs than "
        "in CNNs of equal parameters: {span} of macro F1."
    ),
}
"""(claim, of what, outcome) to text, filled with the verdict's numbers (:func:`train.study.answer.values`)."""

SENTENCES_PT: Sentences = {
    (1, "folds", "supported"): (
        "convoluções extraem mesmo nível por nível: uma sonda linear da última camada distingue N, S e V "
        "melhor que uma da primeira, em {span}."
    ),
    (1, "folds", "refuted"): (
        "a última convolução não diz a uma sonda linear mais sobre N, S e V que a primeira: {span}."
    ),
    (2, "full", "supported"): (
        "uma CNN simples só vê uma janela maior com mais camadas: a profundidade necessária cresce com a "
        "janela à potência {span}; com dilatação, {dilated}."
    ),
    (2, "full", "refuted"): (
        "uma CNN também não precisa de mais camadas para uma janela maior: a profundidade necessária cresce "
        "com a janela à potência {span}; 1 seria acompanhá-la."
    ),
    (3, "full", "supported"): (
        "uma só camada recorrente já alcança batimentos passados, pois alcança pelo estado e não pela "
        "profundidade: zerar o estado a cada 2 s custa {span} de macro F1."
    ),
    (3, "full", "refuted"): (
        "não é o longo alcance do estado: zerado a cada 2 s, a GRU perde {span} de macro F1, menos do que "
        "conta."
    ),
    (3, "folds", "supported"): (
        "a única camada da GRU do monitor vive do que ouviu segundos antes: só com os últimos 2 s perde "
        "{span} de macro F1, e o estado diz o batimento e o intervalo anteriores, o que a entrada não diz."
    ),
    (3, "folds", "refuted"): (
        "a GRU do monitor perde {span} de macro F1 quando só ouviu 2 s: não vive da memória."
    ),
    (4, "full", "supported"): (
        "convoluções antes da GRU valem a pena: no orçamento do meio, de três iguais, conv → GRU supera o "
        "melhor dos outros em {span}."
    ),
    (4, "full", "refuted"): (
        "convoluções antes da GRU não são o melhor dos dois: no orçamento do meio, de três iguais, conv → GRU "
        "menos o melhor dos outros é {span} de macro F1."
    ),
    (5, "full", "supported"): (
        "com macro F1 igual, a GRU mais barata tem {log2_layers} vezes as camadas da CNN mais barata, "
        "{log2_params} vezes os parâmetros e {log2_macs_s} vezes as multiplicações por segundo."
    ),
    (5, "full", "refuted"): (
        "menos camadas não são menos trabalho: com macro F1 igual, a GRU mais barata tem {log2_layers} vezes "
        "as camadas da CNN mais barata e {log2_macs_s} vezes as multiplicações por segundo."
    ),
    (5, "full", "no gru"): (
        "nenhuma GRU que anda amostra por amostra chegou a 0,02 da melhor rede, logo nenhuma é mais barata "
        "com o mesmo valor: a melhor GRU menos a melhor CNN é {best_gru___best_cnn} de macro F1. Camadas da melhor "
        "CNN: {layers_of_the_best_cnn}; da melhor GRU: {layers_of_the_best_gru}."
    ),
    (5, "full", "no cnn"): (
        "nenhuma CNN chegou a 0,02 da melhor rede, que é uma GRU: a melhor GRU menos a melhor CNN é "
        "{best_gru___best_cnn} de macro F1."
    ),
    (6, "full", "supported"): (
        "pilhas recorrentes fundas treinam pior: oito camadas simples contra uma perdem "
        "{gru__lost_from_1_to_8_layers} (GRU) e {lstm__lost_from_1_to_8_layers} (LSTM) de macro F1."
    ),
    (6, "full", "refuted"): (
        "treinadas, oito camadas recorrentes fazem o mesmo que uma: perdem {gru__lost_from_1_to_8_layers} "
        "(GRU) e {lstm__lost_from_1_to_8_layers} (LSTM) de macro F1."
    ),
    (6, "gradients", "supported"): (
        "antes do treino, cada camada recorrente acrescentada muda a inclinação com que a primeira aprende em "
        "{rnn__decades_a_layer__plain} (RNN simples), {lstm__decades_a_layer__plain} (LSTM) e "
        "{gru__decades_a_layer__plain} (GRU) potências de dez; resíduos com LayerNorm resolvem."
    ),
    (6, "gradients", "refuted"): (
        "antes do treino, camadas acrescentadas não enfraquecem aquilo com que a primeira aprende: {span} "
        "potências de dez por camada."
    ),
    (7, "full", "supported"): (
        "GRUs sobreajustam mais cedo e mais que CNNs de parâmetros iguais: a distância até pacientes novos é "
        "maior em {span} de macro F1."
    ),
    (7, "full", "refuted"): (
        "não é sobreajuste: a distância entre batimentos de treino e pacientes novos não é maior em GRUs que "
        "em CNNs de parâmetros iguais: {span} de macro F1."
    ),
}
"""The same in Portuguese."""

LEAD = {
    "supported": (
        "Because a recurrent layer reaches back by its state and not by its depth: one layer already looks "
        "over seconds of ECG, where a convolution sees as far as layers are put on it"
    ),
    "refuted": "Not because of the state's long memory, which is the usual answer: that costs nothing to cut off",
    "mixed": (
        "In part because a recurrent layer reaches back by its state and not by its depth; but how much that is worth "
        "differs between the networks that were asked, and so the answer is not settled"
    ),
    "undecided": "It is not decided yet whether the state's memory is the reason",
}
"""How the answer begins, by what came of claim 3."""

SHALLOW = {
    (
        "supported",
        "refuted",
    ): "What keeps recurrent stacks shallow is the vanishing gradient, not overfitting",
    (
        "refuted",
        "supported",
    ): "What keeps recurrent stacks shallow is overfitting, not the vanishing gradient",
    ("supported", "supported"): "Both the vanishing gradient and overfitting keep recurrent stacks shallow",
    ("refuted", "refuted"): "Neither the vanishing gradient nor overfitting keeps recurrent stacks shallow",
}
"""The second sentence, by what came of claims 6 and 7 in the arms."""

SHALLOW_PT = {
    (
        "supported",
        "refuted",
    ): "O que mantém rasas as pilhas recorrentes é o gradiente que some, não o sobreajuste",
    (
        "refuted",
        "supported",
    ): "O que mantém rasas as pilhas recorrentes é o sobreajuste, não o gradiente que some",
    ("supported", "supported"): "O gradiente que some e o sobreajuste mantêm rasas as pilhas recorrentes",
    ("refuted", "refuted"): "Nem o gradiente que some nem o sobreajuste mantém rasas as pilhas recorrentes",
}

LEAD_PT = {
    "supported": (
        "Porque uma camada recorrente alcança o passado pelo estado e não pela profundidade: uma só já abrange "
        "segundos de ECG, enquanto uma convolução só vê tão longe quanto as camadas postas sobre ela"
    ),
    "refuted": "Não pela longa memória do estado, que é a resposta usual: cortá-la não custa nada",
    "mixed": (
        "Em parte porque uma camada recorrente alcança o passado pelo estado e não pela profundidade; mas quanto isso "
        "vale difere entre as redes examinadas, e por isso a resposta não está fechada"
    ),
    "undecided": "Ainda não está decidido se a memória do estado é a razão",
}
