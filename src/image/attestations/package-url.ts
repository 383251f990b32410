import { compareBytes } from '../../core/index.ts';

export interface PackageUrl {
  /** `deb`, `apk`, `npm`, `docker` … */
  readonly type: string;
  /** Parts of it are separated by slashes. */
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly version?: string | undefined;
  /** Those without value are left out. */
  readonly qualifiers?: Readonly<Record<string, string | undefined>> | undefined;
}

/** A package URL (package-url/purl-spec): `pkg:deb/debian/bash@5.2-3?arch=amd64`. */
export function packageUrl({ type, namespace, name, version, qualifiers = {} }: PackageUrl): string {
  const path = [...(namespace ?? '').split('/').filter((part) => part !== ''), name].map(encode).join('/');
  const query = Object.entries(qualifiers)
    .flatMap(([key, value]) => (value === undefined || value === '' ? [] : [`${key}=${encode(value)}`]))
    .sort(compareBytes)
    .join('&');
  const suffix = version === undefined || version === '' ? '' : `@${encode(version)}`;
  return `pkg:${type}/${path}${suffix}${query === '' ? '' : `?${query}`}`;
}

/** Colons stay, by the specification. Text that is no Unicode would throw. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(/%3A|[!'()*]/g, (found) =>
    found === '%3A' ? ':' : `%${found.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** Of an image, by its familiar name. A layout's says where it lies on this machine, which is nobody's business. */
export function imageUrl(name: string, platform: string): string {
  if (name.startsWith('oci-layout://')) {
    return packageUrl({ type: 'oci', name: 'layout', qualifiers: { platform } });
  }
  const [, path = name, tag, digest] = /^(.+?)(?::([^:/@]+))?(?:@(.+))?$/.exec(name) ?? [];
  const slash = path.lastIndexOf('/');
  return packageUrl({
    type: 'docker',
    namespace: slash < 0 ? undefined : path.slice(0, slash),
    name: path.slice(slash + 1),
    version: tag ?? digest,
    qualifiers: { digest: tag === undefined ? undefined : digest, platform },
  });
}
