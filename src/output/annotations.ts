import { nearestName, TsbuildError } from '../core/index.ts';
import { parsePlatform, samePlatform } from '../oci/index.ts';
import type { Platform } from '../oci/types.ts';
import type { Annotation, AnnotationLevel } from './types.ts';

const levels: readonly AnnotationLevel[] = ['manifest', 'index', 'manifest-descriptor', 'index-descriptor'];

/** `[level[platform][,level…]:]key=value`, as buildx's `--annotation`; `manifest` unless told (C-40). Throws USAGE. */
export function parseAnnotation(text: string): readonly Annotation[] {
  const [, left = '', value] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  const colon = left.indexOf(':');
  const key = left.slice(colon + 1);
  if (value === undefined || key === '') throw invalid(text, 'expected KEY=VALUE or LEVEL:KEY=VALUE');
  const places = colon < 0 ? ['manifest'] : left.slice(0, colon).split(',');
  return places.map((place) => ({ ...placeOf(place, text), key, value }));
}

/** `annotation[-level][[platform]].key`, the name of an attribute of `--output`; undefined for any other name. */
export function parseAnnotationAttribute(name: string, value: string): Annotation | undefined {
  const match = /^annotation(?:-([a-z-]+?))?(\[[^\]]*\])?\.(.+)$/s.exec(name);
  if (match === null) return undefined;
  const [, level = 'manifest', platform = '', key = ''] = match;
  return { ...placeOf(level + platform, name), key, value };
}

function placeOf(place: string, text: string): Pick<Annotation, 'level' | 'platform'> {
  const [, name = '', platform] = /^([^[]*)(?:\[([^\]]+)\])?$/.exec(place) ?? [];
  const level = levels.find((each) => each === name);
  if (level === undefined) {
    const near = nearestName(name, levels);
    throw invalid(text, near === undefined ? `levels are ${levels.join(', ')}` : `did you mean ${near}?`);
  }
  return { level, platform: platform === undefined ? undefined : parsePlatform(platform) };
}

/** Those of one level, for one of the platforms; later ones win. */
export function annotationsOf(
  annotations: readonly Annotation[] | undefined,
  level: AnnotationLevel,
  platform?: Platform,
): Readonly<Record<string, string>> {
  const fitting = (annotations ?? []).filter(
    (each) =>
      each.level === level &&
      (each.platform === undefined || platform === undefined || samePlatform(each.platform, platform)),
  );
  return Object.fromEntries(fitting.map(({ key, value }) => [key, value]));
}

/** O-32: one platform has no index that could carry an annotation. Throws USAGE. */
export function checkAnnotations(
  annotations: readonly Annotation[] | undefined,
  { indexed }: { readonly indexed: boolean },
): void {
  const lost = indexed ? undefined : annotations?.find(({ level }) => level.startsWith('index'));
  if (lost === undefined) return;
  throw new TsbuildError(
    'USAGE',
    `the annotation ${lost.key} is for the index, which a build for one platform has not`,
    { hint: 'leave "index:" out, or build for several platforms' },
  );
}

function invalid(text: string, hint: string): TsbuildError {
  return new TsbuildError('USAGE', `invalid annotation ${JSON.stringify(text)}`, { hint });
}
