"""The export on a Cortex-M4F, bare: no operating system, no start-up code but this, QEMU for the chip."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_bridge.c_rows import row_quanta
from train.chip_host import HostPatient
from train.chip_size import CORTEX_M4F, WARNINGS
from train.export import write

F32 = NDArray[np.float32]

LOGIT, LOGIT_INT8 = 5e-4, 5e-4
"""A chip rounds a multiply-add once, this machine twice; of int8 tables' vectors that may change the last bit."""

LINKER = """
MEMORY { flash : ORIGIN = 0, LENGTH = 1M  ram : ORIGIN = 0x20000000, LENGTH = 64K }
ENTRY(boot)
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) *(.ARM.exidx*) } > flash
  .data : { *(.data*) } > ram
  .bss : { *(.bss*) *(COMMON) } > ram
  stack_top = ORIGIN(ram) + LENGTH(ram);
}
"""

MAIN = """
#include <stdint.h>
#include <string.h>
#include "heartwire.h"
#include "hw_rows.h"

extern uint32_t stack_top;
extern const float lead[N];
void boot(void);

/* Asks the debugger: 4 writes a string, 0x18 ends. */
static void ask(uint32_t what, const void *with)
{
    register uint32_t r0 __asm__("r0") = what;
    register const void *r1 __asm__("r1") = with;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

static void say(char kind, const void *words, uint32_t n)
{
    static char line[256];
    char *p = line;
    *p++ = kind;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t word;
        memcpy(&word, (const uint8_t *)words + 4 * k, 4);
        for (uint32_t digit = 0; digit < 8; digit++)
            *p++ = "0123456789abcdef"[word >> (28 - 4 * digit) & 15];
    }
    *p++ = '\\n';
    *p = 0;
    ask(4, line);
}

#if HW_GRU_INT8 && !HW_FUSION
/* Every table times integers, so few and small that a float holds each sum. */
static void multiply(void)
{
    static const hw_table *const tables[] = {&hw_stem1, &hw_stem2, &hw_gru_ih, &hw_gru_hh, &hw_head};
    static union { hw_value values[512]; uint32_t aligned; } x;
    static float out[512];
    for (int t = 0; t < 5; t++) {
        for (int k = 0; k < 512; k++)
            x.values[k] = (int16_t)((k * 37 + 11) % 601 - 300);
        hw_rows(tables[t], x.values, 1.0f, out);
        for (int k = 0; k < tables[t]->n_rows; k++)
            say('R', out + k, 1);
    }
}
#endif

#if HW_FUSION && HW_RHYTHM
/* All of it: answers and the rhythm's probabilities. */
static void run(void)
{
    static hw_state patient;
    static hw_scratch scratch;
    static float probs[HW_N_RHYTHMS];
    hw_answer answers[2];

    hw_start(&patient);
    for (uint32_t k = 0; k < N; k++) {
        int n = hw_step(&patient, lead[k], &scratch, answers);
        for (int j = 0; j < n; j++) {
            uint32_t what[4] = {k, answers[j].sample, answers[j].aami, answers[j].final};
            say('A', what, 4);
            say('Q', answers[j].probs, HW_N_CLASSES);
        }
        if (hw_rhythm(&patient, &scratch, probs))
            say('Y', probs, HW_N_RHYTHMS);
    }
}
#else
static void run(void)
{
    static hw_state patient;
    static hw_scratch scratch;
    static float logits[HW_N_LOGITS], window[HW_WINDOW], beat[HW_N_CLASSES];
    static int8_t image[HW_WINDOW * HW_N_CHANNELS];
    hw_peak peak;

#if HW_GRU_INT8
    multiply();
#endif
    hw_start(&patient);
    for (uint32_t k = 0; k < N; k++) {
        int decided = hw_push(&patient, lead[k], logits, &peak);
        say('L', logits, HW_N_LOGITS);
        if (!decided)
            continue;
        hw_window(&patient, &peak, window);
        hw_beat_image(&patient, window, image);
        hw_beat_cnn(image, &scratch, beat);
        hw_learn(&patient, window);
        say('P', &peak.sample, 1);
        say('B', beat, HW_N_CLASSES);
    }
}
#endif

void boot(void)
{
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20; /* CPACR: the floating-point unit on */
    __asm__ volatile("dsb\\n isb");
    run();
    ask(0x18, (const void *)0x20026); /* the application has ended */
}

static void stop(void)
{
    ask(4, "fault\\n");
    ask(0x18, (const void *)0x20024);
}

typedef void (*handler)(void);
static const struct { uint32_t *stack; handler entry[6]; } vectors
    __attribute__((section(".vectors"), used)) = {&stack_top, {boot, stop, stop, stop, stop, stop}};
"""


def program(folder: Path, export: Path, lead: F32, *switches: str) -> Path:
    """Link the export, MAIN and a lead into an image."""
    values = ", ".join(f"{float(x).hex()}f" for x in lead)
    (folder / "lead.c").write_text(f"extern const float lead[N];\nconst float lead[N] = {{{values}}};\n")
    (folder / "main.c").write_text(MAIN)
    (folder / "chip.ld").write_text(LINKER)
    sources = [*sorted(export.glob("hw_*.c")), export / "heartwire_weights.c", "main.c", "lead.c"]
    flags = [
        *WARNINGS,
        *CORTEX_M4F,
        "-Os",
        *switches,
        f"-DN={len(lead)}",
        f"-I{export}",
        "-nostartfiles",
        "-Tchip.ld",
    ]
    subprocess.run(
        ["arm-none-eabi-gcc", *flags, *map(str, sources), "-o", "chip.elf", "-lm"], cwd=folder, check=True
    )
    return folder / "chip.elf"


def answers(image: Path) -> dict[str, list[bytes]]:
    """What the program says, by kind of line, as big-endian words."""
    chip = ["-M", "mps2-an386", "-nographic", "-semihosting-config", "enable=on,target=native"]
    run = subprocess.run(
        ["qemu-system-arm", *chip, "-kernel", str(image)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    said: dict[str, list[bytes]] = {"L": [], "P": [], "B": [], "R": [], "A": [], "Q": [], "Y": []}
    for line in (run.stdout + run.stderr).split():
        said[line[0]].append(bytes.fromhex(line[1:]))
    return said


def exact(chip: Any) -> F32:
    """What `multiply` must say: integers added exactly, one multiply-add a row, rounded once."""
    out = []
    for _, weight, bias in chip.made.gru.rows():
        quanta, scale = row_quanta(weight)
        x = (np.arange(weight.shape[1]) * 37 + 11) % 601 - 300
        sums = quanta.astype(np.int64) @ x
        assert np.abs(sums).max() < 2**23
        out.append((bias.astype(np.float64) + sums * scale.astype(np.float64)).astype(np.float32))
    return np.concatenate(out)


def by_hand(chip: Any, lead: F32) -> tuple[F32, list[int], list[F32]]:
    """The same on this machine: logits, R-peaks, logits of the beats."""
    logits, peaks = chip.patient().play(lead)
    patient, done, beats = chip.patient(), 0, []
    for peak in peaks:
        patient.play(lead[done : peak["k"] + 1])
        done = int(peak["k"]) + 1
        window = chip.window(patient, peak)
        beats.append(chip.beat_logits(chip.image(patient, window)))
        chip.learn(patient, window)
    return logits, peaks["sample"].tolist(), beats


needs_chip = pytest.mark.skipif(
    None in (shutil.which("arm-none-eabi-gcc"), shutil.which("qemu-system-arm")),
    reason="no arm-none-eabi-gcc or no qemu-system-arm",
)


@needs_chip
@pytest.mark.parametrize(
    ("which", "n"), [("chip", 3000), ("int8_chip", 3000), ("odd_chip", 500), ("odd_int8_chip", 500)]
)
def test_export_when_it_runs_on_a_cortex_m4f_then_it_answers_as_on_this_machine(
    which: str, n: int, virtual_lead: F32, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chip = request.getfixturevalue(which)
    lead = virtual_lead[:n]
    said = answers(program(tmp_path, chip.folder, lead))
    logits, samples, beats = by_hand(chip, lead)
    got = np.array([struct.unpack(">11f", words) for words in said["L"]])
    assert np.abs(got - logits).max() <= (LOGIT_INT8 if chip.made.settings.gru_int8 else LOGIT)
    if chip.made.settings.gru_int8:
        sums = np.array([struct.unpack(">f", words)[0] for words in said["R"]], np.float32)
        assert sums.tobytes() == exact(chip).tobytes()
    assert [struct.unpack(">I", words)[0] for words in said["P"]] == samples
    assert [struct.unpack(">5f", words) for words in said["B"]] == [tuple(b.tolist()) for b in beats]
    assert len(samples) > n // 150 or "odd" in which


@needs_chip
@pytest.mark.parametrize(("which", "prob"), [("full_chip", 1e-3), ("full_int8_chip", 0.02)])
def test_export_when_all_options_run_on_a_cortex_m4f_then_beats_classes_and_rhythm_are_this_machines(
    which: str, prob: float, virtual_lead: F32, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chip, lead = request.getfixturevalue(which), virtual_lead[:2800]
    sources = tmp_path / "export"
    write(chip.made, sources)
    said = answers(program(tmp_path, sources, lead, "-DHW_FUSION=1", "-DHW_RHYTHM=1"))
    told, rhythm = HostPatient(chip.lib, len(chip.made.options.rhythms)).play(lead)
    assert [struct.unpack(">4I", words) for words in said["A"]] == [
        (int(a["k"]), int(a["sample"]), int(a["aami"]), int(a["final"])) for a in told
    ]
    got = np.array([struct.unpack(">5f", words) for words in said["Q"]])
    assert np.abs(got - told["probs"]).max() <= prob
    windows = rhythm[np.isfinite(rhythm[:, 0])]
    assert np.abs(np.array([struct.unpack(">5f", words) for words in said["Y"]]) - windows).max() <= prob
    assert len(told) > 45
    assert len(windows) == 19
