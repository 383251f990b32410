export type TomlValue = string | number | boolean | readonly TomlValue[] | TomlTable;
export interface TomlTable {
  [key: string]: TomlValue;
}

/** Line numbers count from 1. */
class TomlError extends Error {
  constructor(line: number, why: string) {
    super(`line ${line}: ${why}`);
  }
}

const maxDepth = 32;

/**
 * TOML 1.0 without dates, floats and multi-line strings, which no configuration of registries has. Throws what
 * `invalid` makes of the line and the fault, also for a key that is given twice. Tables have no prototype: `__proto__` is
 * a key like any other.
 */
export function parseToml(text: string, invalid: (why: string) => Error): TomlTable {
  try {
    return parseDocument(text);
  } catch (error) {
    if (error instanceof TomlError) throw invalid(error.message);
    throw error;
  }
}

function parseDocument(text: string): TomlTable {
  const reader = new Reader(text);
  const root = table();
  /** Tables that a header or a value made whole: neither may be given again. */
  const closed = new Set<TomlTable>();
  let current = root;
  reader.skipLines();
  while (!reader.atEnd) {
    if (reader.take('[[')) {
      const path = reader.keys();
      reader.expect(']]');
      current = append(root, path, reader);
    } else if (reader.take('[')) {
      const path = reader.keys();
      reader.expect(']');
      current = descend(root, path, reader);
      if (closed.has(current)) throw reader.error(`the table ${path.join('.')} is given twice`);
      closed.add(current);
    } else {
      assign(current, reader.keys(), reader);
    }
    reader.endOfLine();
    reader.skipLines();
  }
  return root;
}

function table(): TomlTable {
  return Object.create(null) as TomlTable;
}

function isTable(value: TomlValue | undefined): value is TomlTable {
  return typeof value === 'object' && !Array.isArray(value);
}

/** The table of a path, made where it is not there; of a list of tables the last one. */
function descend(from: TomlTable, path: readonly string[], reader: Reader): TomlTable {
  if (path.length > maxDepth) throw reader.error('the key has too many parts');
  let at = from;
  for (const key of path) {
    const found = at[key];
    const next = Array.isArray(found) ? (found as readonly TomlValue[]).at(-1) : (found ?? table());
    if (!isTable(next)) throw reader.error(`${key} is given twice`);
    if (found === undefined) at[key] = next;
    at = next;
  }
  return at;
}

function append(root: TomlTable, path: readonly string[], reader: Reader): TomlTable {
  const key = path.at(-1) ?? '';
  const parent = descend(root, path.slice(0, -1), reader);
  const earlier = parent[key] ?? [];
  if (!Array.isArray(earlier) || !earlier.every(isTable)) throw reader.error(`${key} is given twice`);
  const made = table();
  parent[key] = [...(earlier as readonly TomlTable[]), made];
  return made;
}

/** `a.b = value`. */
function assign(into: TomlTable, path: readonly string[], reader: Reader, depth = 0): void {
  const key = path.at(-1) ?? '';
  const parent = descend(into, path.slice(0, -1), reader);
  if (key in parent) throw reader.error(`${key} is given twice`);
  reader.expect('=');
  parent[key] = readValue(reader, depth);
}

function readValue(reader: Reader, depth: number): TomlValue {
  if (depth > maxDepth) throw reader.error('the value is too deep');
  if (reader.take('[')) return readList(reader, depth);
  if (reader.take('{')) return readInline(reader, depth);
  const text = reader.string();
  if (text !== undefined) return text;
  const word = reader.match(/[^\s,\]}#]+/y) ?? '';
  if (word === 'true') return true;
  if (word === 'false') return false;
  if (/^[+-]?\d[\d_]{0,15}$/.test(word)) return Number(word.replaceAll('_', ''));
  throw reader.error(`${JSON.stringify(word.slice(0, 40))} is not a value`);
}

function readList(reader: Reader, depth: number): TomlValue {
  const list: TomlValue[] = [];
  reader.skipLines();
  while (!reader.take(']')) {
    list.push(readValue(reader, depth + 1));
    reader.skipLines();
    const more = reader.take(',');
    reader.skipLines();
    if (more) continue;
    reader.expect(']');
    break;
  }
  return list;
}

function readInline(reader: Reader, depth: number): TomlValue {
  const made = table();
  if (reader.take('}')) return made;
  do assign(made, reader.keys(), reader, depth + 1);
  while (reader.take(','));
  reader.expect('}');
  return made;
}

const escapes: ReadonlyMap<string, string> = new Map(
  Object.entries({ b: '\b', t: '\t', n: '\n', f: '\f', r: '\r', '"': '"', '\\': '\\' }),
);

/** A place in the text; every read skips the blanks behind it. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text.replace(/^\uFEFF/, '');
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  error(why: string): TomlError {
    return new TomlError(this.#text.slice(0, this.#at).split('\n').length, why);
  }

  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    this.#skip(/[ \t]*/y);
    return found;
  }

  take(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    this.#skip(/[ \t]*/y);
    return true;
  }

  expect(word: string): void {
    if (!this.take(word)) throw this.error(`expected ${word}`);
  }

  skipLines(): void {
    this.#skip(/(?:[ \t\r\n]|#[^\n]*)*/y);
  }

  endOfLine(): void {
    this.#skip(/#[^\n]*/y);
    if (!this.atEnd && this.match(/\r?\n/y) === undefined) throw this.error('more than one thing on a line');
  }

  keys(): readonly string[] {
    const path: string[] = [];
    do {
      const key = this.string() ?? this.match(/[A-Za-z0-9_-]+/y);
      if (key === undefined) throw this.error('expected a key');
      path.push(key);
    } while (this.take('.'));
    return path;
  }

  /** Undefined where none begins here. */
  string(): string | undefined {
    if (/^(?:"""|''')/.test(this.#text.slice(this.#at, this.#at + 3))) {
      throw this.error('strings of several lines are not supported here');
    }
    const literal = this.match(/'[^'\n]*'/y);
    if (literal !== undefined) return literal.slice(1, -1);
    const basic = this.match(/"(?:[^"\\\n]|\\.)*"/y);
    if (basic !== undefined) {
      return basic.slice(1, -1).replace(/\\(u[0-9a-fA-F]{4}|.)/g, (whole, code: string) => {
        if (code.length === 5) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
        const character = escapes.get(code);
        if (character === undefined) throw this.error(`${whole} is not an escape`);
        return character;
      });
    }
    if (/["']/.test(this.#text[this.#at] ?? '')) throw this.error('a string does not end');
    return undefined;
  }

  #skip(pattern: RegExp): void {
    pattern.lastIndex = this.#at;
    this.#at += pattern.exec(this.#text)?.[0].length ?? 0;
  }
}
