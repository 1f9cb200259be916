// Arrays as the monitor packs them: base64 of little-endian numbers, real values (x - zero) * scale.

const READ = { int8: [1, "getInt8"], uint8: [1, "getUint8"], int16: [2, "getInt16"] };

export function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed.data), (c) => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const [size, get] = READ[packed.dtype];
  const x = new Float32Array(bytes.length / size);
  for (let i = 0; i < x.length; i++) x[i] = (view[get](i * size, true) - packed.zero) * packed.scale;
  const [rows, columns] = packed.shape.length === 2 ? packed.shape : [packed.shape[0], 1];
  return { x, rows, columns, at: (row, column) => x[row * columns + column], column: (c) => Float32Array.from({ length: rows }, (_, r) => x[r * columns + c]) };
}

// Where the largest is, and the largest.
export function most(x, size = (v) => v) {
  let at = 0;
  for (let i = 1; i < x.length; i++) if (size(x[i]) > size(x[at])) at = i;
  return [at, x[at]];
}
