// Numbers as colours that colour-blind people can tell apart: viridis for 0 to 1, blue over nothing to orange for -1 to 1.

const VIRIDIS = ["440154", "482475", "414487", "355f8d", "2a788e", "21918c", "22a884", "44bf70", "7ad151", "bddf26", "fde725"];
const FROM_BLUE = { dark: ["56a0ff", "2a5ea8", "0d1520", "a8611d", "ffa040"], light: ["0b52c4", "8fb4ee", "fbfaf8", "f0b070", "b34e00"] };

const rgb = (hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));

function table(stops) {
  const colours = stops.map(rgb);
  return Array.from({ length: 256 }, (_, k) => {
    const at = (k / 255) * (colours.length - 1);
    const i = Math.min(colours.length - 2, Math.floor(at));
    return colours[i].map((x, c) => Math.round(x + (at - i) * (colours[i + 1][c] - x)));
  });
}

const SEQUENTIAL = table(VIRIDIS);
const DIVERGING = { dark: table(FROM_BLUE.dark), light: table(FROM_BLUE.light) };

const clamp = (k) => Math.max(0, Math.min(255, Math.round(k)));
export const sequential = (x) => SEQUENTIAL[clamp(255 * x)];
export const both = (dark) => (x) => DIVERGING[dark ? "dark" : "light"][clamp(127.5 * (1 + x))];

// Fits a canvas to its place and gives its pen, in CSS pixels; null where there is no place.
export function fitted(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (width < 10 || height < 4) return null;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

// A heat map in a rectangle: at(row, column) gives a number, colour(number) its colour; one cell is one pixel, made larger.
export function heat(pen, x, y, width, height, rows, columns, at, colour) {
  const cells = new ImageData(columns, rows);
  for (let r = 0, i = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++, i += 4) {
      const [red, green, blue] = colour(at(r, c));
      cells.data[i] = red;
      cells.data[i + 1] = green;
      cells.data[i + 2] = blue;
      cells.data[i + 3] = 255;
    }
  }
  const small = new OffscreenCanvas(columns, rows);
  small.getContext("2d").putImageData(cells, 0, 0);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, x, y, width, height);
}
