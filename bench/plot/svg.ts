import { type Axis, scaleOf, tickText } from './scale.js';

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** One plot. Points of a series are joined in the order given. */
export interface Panel {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

const [WIDTH, HEIGHT] = [440, 300];
/** Around the plot, for what is written. */
const MARGIN = { left: 64, right: 20, top: 56, bottom: 48 };
const COLUMNS = 2;
/** Points are marked while there are few. */
const MARKED = 12;

/** Colours that can be told apart on white and on black, and by those who see red and green alike. */
const COLOURS = {
  light: ['#0b62b8', '#c2410c', '#0f766e', '#7e22ce', '#854d0e'],
  dark: ['#6cb2ff', '#fb923c', '#5eead4', '#d8b4fe', '#fde047'],
} as const;

function style(): string {
  const lines = (colours: readonly string[]) =>
    colours.map((colour, i) => `.s${i}{stroke:${colour}}.f${i}{fill:${colour}}`).join('');
  return [
    '<style>',
    'text{font:12px system-ui,sans-serif;fill:#24292f}.t{font-weight:600;font-size:13px}',
    '.b{fill:#fff}.g{stroke:#d0d7de}.l{fill:none;stroke-width:2}',
    lines(COLOURS.light),
    '@media (prefers-color-scheme:dark){text{fill:#e6edf3}.b{fill:#0d1117}.g{stroke:#30363d}',
    lines(COLOURS.dark),
    '}</style>',
  ].join('');
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
const escaped = (text: string) => text.replace(/[&<>]/g, (char) => ESCAPES[char]!);

const near = (value: number) => String(Math.round(value * 10) / 10);

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${near(x)}" y="${near(y)}"${attributes && ` ${attributes}`}>${escaped(content)}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="g" x1="${near(x1)}" y1="${near(y1)}" x2="${near(x2)}" y2="${near(y2)}"/>`;
}

function drawPanel(panel: Panel): string {
  const { title, x, y, series } = panel;
  const all = series.flatMap(({ points }) => points);
  const across = scaleOf(
    x,
    all.map(([value]) => value),
  );
  const up = scaleOf(
    y,
    all.map(([, value]) => value),
  );
  const [left, right, top, bottom] = [MARGIN.left, WIDTH - MARGIN.right, MARGIN.top, HEIGHT - MARGIN.bottom];
  const at = (value: number) => left + across.place(value) * (right - left);
  const height = (value: number) => bottom - up.place(value) * (bottom - top);
  const parts = [text(left, 20, title, 'class="t"')];
  for (const tick of up.ticks) {
    parts.push(line(left, height(tick), right, height(tick)));
    parts.push(text(left - 6, height(tick) + 4, tickText(tick), 'text-anchor="end"'));
  }
  for (const tick of across.ticks) {
    parts.push(line(at(tick), bottom, at(tick), bottom + 4));
    parts.push(text(at(tick), bottom + 18, tickText(tick), 'text-anchor="middle"'));
  }
  const middle = (top + bottom) / 2;
  parts.push(text((left + right) / 2, HEIGHT - 10, x.label, 'text-anchor="middle"'));
  parts.push(text(14, middle, y.label, `text-anchor="middle" transform="rotate(-90 14 ${near(middle)})"`));
  let legend = left;
  for (const [i, { name, points }] of series.entries()) {
    const colour = i % COLOURS.light.length;
    const path = points.map(([a, b], j) => `${j === 0 ? 'M' : 'L'}${near(at(a))} ${near(height(b))}`).join('');
    parts.push(`<path class="l s${colour}" d="${path}"/>`);
    if (points.length <= MARKED) {
      for (const [a, b] of points) {
        parts.push(`<circle class="f${colour}" cx="${near(at(a))}" cy="${near(height(b))}" r="3"/>`);
      }
    }
    parts.push(`<rect class="f${colour}" x="${near(legend)}" y="34" width="14" height="4"/>`);
    parts.push(text(legend + 18, 40, name));
    legend += 30 + name.length * 6.4;
  }
  return parts.join('');
}

/** Plots side by side, two in a row, as one SVG that is readable on light and on dark pages. */
export function drawSvg(panels: readonly Panel[]): string {
  const columns = Math.min(COLUMNS, panels.length);
  const [width, height] = [columns * WIDTH, Math.ceil(panels.length / columns) * HEIGHT];
  const placed = panels.map((panel, i) => {
    const [x, y] = [(i % columns) * WIDTH, Math.floor(i / columns) * HEIGHT];
    return `<g transform="translate(${x} ${y})">${drawPanel(panel)}</g>`;
  });
  const label = escaped(panels.map(({ title }) => title).join('; ')).replaceAll('"', '&quot;');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">`,
    style(),
    `<rect class="b" width="${width}" height="${height}"/>`,
    ...placed,
    '</svg>\n',
  ].join('\n');
}
