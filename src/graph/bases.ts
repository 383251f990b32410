import { formatPlatform } from '../oci/index.ts';
import type { Platform } from '../oci/types.ts';
import type { ContextReference, PlanOptions, ResolvedBase } from './types.ts';

/** Each name and platform is resolved once, so that all of the build sees one image (L-104). */
export function resolveOnce(options: PlanOptions): PlanOptions {
  const image = new Map<string, Promise<ResolvedBase>>();
  const layout = new Map<string, Promise<ResolvedBase>>();
  return {
    ...options,
    resolveBase: (name, platform) =>
      once(image, keyOf(platform, name), () => options.resolveBase(name, platform)),
    resolveLayout: (place, platform) =>
      once(layout, keyOf(platform, place.path, place.reference ?? ''), () =>
        options.resolveLayout(place, platform),
      ),
  };
}

function keyOf(platform: Platform, ...names: readonly string[]): string {
  return [formatPlatform(platform), ...names].join('\n');
}

function once<T>(known: Map<string, Promise<T>>, key: string, start: () => Promise<T>): Promise<T> {
  const existing = known.get(key);
  if (existing !== undefined) return existing;
  const started = start();
  known.set(key, started);
  return started;
}

/** The image that a context names; undefined for the empty one. */
export async function resolveContext(
  reference: ContextReference & { readonly kind: 'image' | 'layout' },
  options: PlanOptions,
  platform: Platform,
): Promise<ResolvedBase | undefined> {
  if (reference.kind === 'layout') {
    return options.resolveLayout({ path: reference.path, reference: reference.reference }, platform);
  }
  if (reference.reference.toLowerCase() === 'scratch') return undefined;
  return options.resolveBase(reference.reference, platform);
}
