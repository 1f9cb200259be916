"""How many instructions the exported C takes on a Cortex-M4F: counted by QEMU, which runs it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import firmware_bridge
from firmware_bridge.types import BadInput
from train.chip_size import CORTEX_M4F, OPTIONS, WARNINGS

BOARD = Path(firmware_bridge.__file__).parent / "firmware" / "cortex_m4f"
STEPS = 200
TIMEOUT_S = 120.0

MAIN = f"""
#include "board.h"
#include "heartwire.h"
#include "hw_fusion.h"

#define STEPS {STEPS}
#define SYSTICK ((volatile uint32_t *)0xE000E010u) /* control, reload, value */
#define PER_TICK 40 /* an instruction takes 1 ns, a tick of the 25 MHz clock 40 */

static hw_state patient;
static hw_scratch scratch;
static float logits[HW_N_LOGITS], beat[HW_N_CLASSES];
static int8_t image[HW_WINDOW * HW_N_CHANNELS];

static void say(uint32_t begun)
{{
    uint32_t n = ((begun - SYSTICK[2]) & 0xFFFFFFu) * PER_TICK;
    uint8_t text[11];
    for (int k = 9; k >= 0; k--, n /= 10)
        text[k] = (uint8_t)('0' + n % 10);
    text[10] = '\\n';
    board_send(text, sizeof text);
}}

int main(void)
{{
    board_start();
    hw_start(&patient);
    SYSTICK[1] = 0xFFFFFFu;
    SYSTICK[0] = 5u;
    float x = 0.1f;
    uint32_t begun = SYSTICK[2];
    for (int k = 0; k < STEPS; k++)
        hw_gru_step(&patient.gru, x = -x, logits);
    say(begun);
    begun = SYSTICK[2];
    for (int k = 0; k < STEPS; k++)
        hw_filter(&patient.filters, (double)(x = -x));
    say(begun);
    begun = SYSTICK[2];
    for (int k = 0; k < 4; k++)
        hw_beat_cnn(image, &scratch, beat);
    say(begun);
#if HW_FUSION && HW_RHYTHM
    const hw_peak peak = {{0}};
    const hw_evidence evidence = {{&peak, patient.ring, logits + 1, logits + 1, beat}};
    begun = SYSTICK[2];
    for (int k = 0; k < 4; k++)
        hw_fuse(&patient, &evidence, beat, logits);
    say(begun);
    patient.fuser.quality.looks = 200;
    patient.fuser.quality.wait = 1;
    begun = SYSTICK[2];
    hw_quality_sample(&patient, &scratch);
    say(begun);
    patient.rhythm_wait = 0;
    begun = SYSTICK[2];
    hw_rhythm(&patient, &scratch, logits);
    say(begun);
#endif
    for (;;)
        ;
}}
"""


@dataclass(frozen=True, slots=True)
class Instructions:
    """What one call takes: the GRU's step, the filters, the beat network; fusion, a look at the quality, the rhythm."""

    gru_step: int
    filters: int
    beat_cnn: int
    fusion: int
    quality: int
    rhythm: int


def count(folder: Path) -> Instructions | None:
    """Count instructions of the export in `folder`; None where there is no compiler or no QEMU.

    Raises
    ------
    BadInput
        When the compiler refuses it or it does not come to an end.
    """
    if None in map(shutil.which, ("arm-none-eabi-gcc", "qemu-system-arm")):
        return None
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        (room / "main.c").write_text(MAIN)
        sources = [*sorted(folder.resolve().glob("*.c")), room / "main.c", BOARD / "an386.c"]
        (room / "chip.ld").write_text((BOARD / "an386.ld").read_text().replace("192K", "1M"))
        flags = [
            *WARNINGS,
            *CORTEX_M4F,
            *OPTIONS.values(),
            "-O2",
            "-ffp-contract=fast",
            f"-I{folder.resolve()}",
            f"-I{BOARD}",
        ]
        link = ["-nostartfiles", "-specs=nano.specs", f"-T{room / 'chip.ld'}", "-lm"]
        words = ["arm-none-eabi-gcc", *flags, *map(str, sources), *link, "-o", str(room / "count")]
        made = subprocess.run(words, capture_output=True, text=True, check=False)
        if made.returncode:
            raise BadInput(f"arm-none-eabi-gcc: {(made.stderr.strip().splitlines() or ['failed'])[0]}")
        return _run(room / "count")


def _run(image: Path) -> Instructions:
    words = ["qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none"]
    words += ["-icount", "shift=0", "-serial", "stdio", "-kernel", str(image)]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as chip:
        assert chip.stdout is not None
        try:
            said = [int(chip.stdout.readline() or 0) for _ in range(6)]
        finally:
            chip.kill()
    if 0 in said:
        raise BadInput(f"qemu-system-arm: got counts {said}, expected six above 0; try it by hand")
    return Instructions(said[0] // STEPS, said[1] // STEPS, said[2] // 4, said[3] // 4, *said[4:])
