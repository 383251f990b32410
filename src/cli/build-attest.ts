import { Option, type Command } from 'commander';

import type { AttestationRequests, ProvenanceRequest, SbomRequest } from '../attest/types.ts';
import { nearestName, splitCsv, TsbuildError } from '../core/index.ts';
import { collect } from './command.ts';

/** What is to be said of the image; nothing unless asked for (B-13). */
export interface AttestFlags {
  readonly attest?: readonly string[];
  readonly provenance?: string | true;
  readonly sbom?: string | true;
}

export function addAttestOptions(command: Command): Command {
  return command
    .optionsGroup('What is said of the image, beside it:')
    .addOption(
      shortOption(
        'provenance [attributes]',
        'how it was built, as SLSA provenance: true, or mode=min|max, version=v1|v0.2, builder-id=URI and reproducible=true with commas between',
      ),
    )
    .addOption(
      shortOption(
        'sbom [attributes]',
        'what Debian, Alpine, rpm and npm packages it has, as SPDX; generator=IMAGE to have a scanner look',
      ),
    )
    .option('--attest <type=provenance|sbom,…>', 'the same, as buildx has it; repeatable', collect);
}

/** A value that is none is told at once: else the context that it took is what seems to be missing. */
function shortOption(flags: string, about: string): Option {
  const option = new Option(`--${flags}`, about);
  return option.argParser((text) => {
    shortFields(`--${option.name()}`, text);
    return text;
  });
}

/** Throws USAGE for values that make no sense. Of several of one type the last one counts. */
export function attestOptionsOf(flags: AttestFlags): AttestationRequests {
  const given = (flags.attest ?? []).map((text) => fieldsOf('--attest', text));
  const last = (type: 'provenance' | 'sbom'): readonly [flag: string, fields: Fields] | undefined => {
    const text = flags[type];
    if (text !== undefined) return [`--${type}`, shortFields(`--${type}`, text)];
    const fields = given.findLast((one) => one.get('type') === type);
    return fields === undefined ? undefined : ['--attest', fields];
  };
  for (const fields of given) checkType(fields.get('type'));
  const [saidOfBuild, saidOfContent] = [last('provenance'), last('sbom')];
  const provenance = saidOfBuild === undefined ? undefined : provenanceOf(...saidOfBuild);
  const sbom = saidOfContent === undefined ? undefined : sbomOf(...saidOfContent);
  if (provenance !== undefined && provenance.filename === sbom?.filename) {
    throw usage('--attest', `two files cannot both be ${quoted(sbom.filename)}`);
  }
  return { provenance, sbom };
}

function checkType(type: string | undefined): void {
  if (type === 'provenance' || type === 'sbom') return;
  throw usage('--attest', type === undefined ? 'the type is missing' : `there is no type ${quoted(type)}`, {
    hint: 'expected type=provenance or type=sbom',
  });
}

type Fields = ReadonlyMap<string, string>;

/** `--sbom`, `--sbom=true`, `--sbom=false`, or attributes. */
function shortFields(flag: string, text: string | true): Fields {
  if (text === true) return new Map();
  const on = boolean(text);
  if (on !== undefined) return new Map([['disabled', String(!on)]]);
  if (!text.includes('=')) {
    throw usage(flag, `invalid value ${quoted(text)}`, {
      hint: `in front of the context, write ${flag}=true`,
    });
  }
  return fieldsOf(flag, text);
}

function fieldsOf(flag: string, text: string): Fields {
  const fields = splitCsv(text);
  if (fields === undefined) throw usage(flag, `a quote in ${quoted(text)} is misplaced`);
  return new Map(
    fields.map((field) => {
      const equals = field.indexOf('=');
      if (equals <= 0) throw usage(flag, `${quoted(field)} is no NAME=VALUE`);
      return [field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1).trim()];
    }),
  );
}

const provenanceKeys = [
  'type',
  'disabled',
  'mode',
  'version',
  'builder-id',
  'reproducible',
  'inline-only',
  'filename',
];
const sbomKeys = ['type', 'disabled', 'generator', 'filename'];

function provenanceOf(flag: string, fields: Fields): ProvenanceRequest | undefined {
  checkKeys(flag, fields, provenanceKeys);
  if (isTrue(flag, fields, 'disabled')) return undefined;
  // Written into images of other kinds by nobody here: accepted, as it changes nothing.
  isTrue(flag, fields, 'inline-only');
  return {
    mode: choice(flag, fields, 'mode', { min: 'min', max: 'max' }) ?? 'min',
    version: choice(flag, fields, 'version', { v1: 'v1', 'v0.2': 'v0.2' }) ?? 'v1',
    builderId: fields.get('builder-id') ?? '',
    reproducible: isTrue(flag, fields, 'reproducible'),
    filename: filename(flag, fields) ?? 'provenance.json',
  };
}

function sbomOf(flag: string, fields: Fields): SbomRequest | undefined {
  checkKeys(flag, fields, sbomKeys);
  if (isTrue(flag, fields, 'disabled')) return undefined;
  const generator = fields.get('generator') ?? '';
  // It becomes a line of a Dockerfile.
  if (!/^[A-Za-z0-9][A-Za-z0-9._/:@-]*$|^$/.test(generator))
    throw usage(flag, `${quoted(generator)} is not the name of an image`);
  return {
    filename: filename(flag, fields) ?? 'sbom.spdx.json',
    generator: generator === '' ? undefined : generator,
  };
}

function checkKeys(flag: string, fields: Fields, keys: readonly string[]): void {
  for (const key of fields.keys()) {
    if (keys.includes(key)) continue;
    const near = nearestName(key, keys);
    throw usage(flag, `there is no attribute ${quoted(key)}`, {
      hint: near === undefined ? `it takes ${keys.join(', ')}` : `did you mean ${near}?`,
    });
  }
}

function choice<T extends string>(
  flag: string,
  fields: Fields,
  key: string,
  choices: Readonly<Record<string, T>>,
): T | undefined {
  const text = fields.get(key);
  if (text === undefined) return undefined;
  const chosen = Object.entries(choices).find(([name]) => name === text)?.[1];
  if (chosen !== undefined) return chosen;
  throw usage(flag, `invalid ${key} ${quoted(text)}`, {
    hint: `expected ${Object.keys(choices).join(' or ')}`,
  });
}

function isTrue(flag: string, fields: Fields, key: string): boolean {
  const text = fields.get(key);
  if (text === undefined) return false;
  const value = boolean(text);
  if (value !== undefined) return value;
  throw usage(flag, `invalid ${key} ${quoted(text)}`, { hint: 'expected true or false' });
}

/** It becomes a file beside those of the image. */
function filename(flag: string, fields: Fields): string | undefined {
  const text = fields.get('filename');
  if (text === undefined || (/^[^/\0]{1,255}$/.test(text) && text !== '.' && text !== '..')) return text;
  throw usage(flag, `${quoted(text)} is no plain file name`);
}

/** As Go's ParseBool. */
function boolean(text: string): boolean | undefined {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  return ['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text) ? false : undefined;
}

function usage(flag: string, message: string, details: { readonly hint?: string } = {}): TsbuildError {
  return new TsbuildError('USAGE', `${flag}: ${message}`, details);
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
