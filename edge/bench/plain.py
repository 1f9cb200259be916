"""[io] The monitor as one would write it in an afternoon: what heartwire's path is held against.

Text lines by pyserial's `readline`, `scipy.signal.sosfilt` sample by sample, one GRU step by the runtime's
public calls for every sample, and a threaded paho client that publishes the same waveform chunks. It finds no
beats and survives nothing. Run as ``python -m edge.bench.plain SERIAL-PORT BROKER TOPIC CHUNK``; it prints
"ready" and runs until it is ended.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import paho.mqtt.client as mqtt
import serial
from paho.mqtt.enums import CallbackAPIVersion

from edge.artefact import load_models
from edge.bench.peers import tflite_step
from edge.waveform import encode_wave


def run(port: str, broker: str, topic: str, chunk: int) -> None:
    """Read, filter, step and publish for ever."""
    from scipy.signal import sosfilt

    models = load_models()
    step = tflite_step(models.gru)
    sos = np.array(models.manifests["gru"].sos)
    held = np.zeros((len(sos), 2))
    local, (host, _, broker_port) = broker.startswith("/"), broker.rpartition(":")
    client = mqtt.Client(CallbackAPIVersion.VERSION2, transport="unix" if local else "tcp")
    seq, raw = 0, []
    with serial.Serial(port, 115200) as device:
        client.connect(*((broker,) if local else (host, int(broker_port))))
        client.loop_start()
        print("ready", flush=True)
        while True:
            mv = float(device.readline())
            filtered, held = sosfilt(sos, [mv], zi=held)
            step(float(filtered[0]))
            raw.append(mv)
            if len(raw) == chunk:
                client.publish(topic, encode_wave(seq, int(time.time() * 1e6), np.array(raw, np.float32)))
                seq, raw = seq + 1, []


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
