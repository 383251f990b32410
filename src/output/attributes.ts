import { nearestName, splitCsv, TsbuildError } from '../core/index.ts';

/** The `name=value` fields of one `--output`, each of which is taken once; what is left over at the end is a mistake. */
export class Attributes {
  readonly #text: string;
  readonly #values: Map<string, string>;
  readonly #asked = new Set<string>();

  constructor(text: string, fields: readonly string[]) {
    this.#text = text;
    this.#values = new Map(
      fields.map((field) => {
        const equals = field.indexOf('=');
        if (equals < 1) throw this.invalid(`${JSON.stringify(field)} is not NAME=VALUE`);
        const name = field.slice(0, equals).trim();
        // Keys of annotations are told apart by case.
        return [/^annotation/i.test(name) ? name : name.toLowerCase(), field.slice(equals + 1)];
      }),
    );
  }

  take(name: string): string | undefined {
    this.#asked.add(name);
    const value = this.#values.get(name);
    this.#values.delete(name);
    return value;
  }

  flag(name: string): boolean | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    if (value === 'true' || value === '1' || value === '') return true;
    if (value === 'false' || value === '0') return false;
    throw this.invalid(`${name}=${JSON.stringify(value)}`, 'expected true or false');
  }

  oneOf<const T extends string>(name: string, values: readonly T[]): T | undefined {
    const value = this.take(name);
    const known = values.find((each) => each === value);
    if (value === undefined || known !== undefined) return known;
    const near = nearestName(value, values);
    throw this.invalid(
      `${name}=${JSON.stringify(value)}`,
      near === undefined ? `it is one of ${values.join(', ')}` : `did you mean ${near}?`,
    );
  }

  required(name: string): string {
    const value = this.take(name);
    if (value !== undefined && value !== '') return value;
    throw this.invalid(`${name} is missing`, `add ,${name}=PATH`);
  }

  /** All that nobody has taken yet and that `parse` knows. */
  takeAll<T>(parse: (name: string, value: string) => T | undefined): readonly T[] {
    const taken: T[] = [];
    for (const [name, value] of this.#values) {
      const parsed = parse(name, value);
      if (parsed === undefined) continue;
      taken.push(parsed);
      this.#values.delete(name);
    }
    return taken;
  }

  /** Throws USAGE for the first attribute that nobody asked for. */
  end(): void {
    for (const name of this.#values.keys()) {
      const near = nearestName(name, this.#asked);
      throw this.invalid(
        `this type has no option ${JSON.stringify(name)}`,
        near === undefined ? `it has ${[...this.#asked].join(', ')}` : `did you mean ${near}?`,
      );
    }
  }

  invalid(message: string, hint?: string): TsbuildError {
    return new TsbuildError('USAGE', `--output ${JSON.stringify(this.#text)}: ${message}`, { hint });
  }
}

/** The names and values of one `--output`. Throws USAGE. */
export function parseAttributes(text: string): Attributes {
  const fields = splitCsv(text);
  if (fields !== undefined) return new Attributes(text, fields);
  throw new TsbuildError('USAGE', `--output ${JSON.stringify(text)}: misplaced quote`, {
    hint: 'quote a whole field that has commas: \'type=image,"name=a,b"\'',
  });
}
