import type { ServiceSpec } from './types.ts';

/** As people know it; it has no secrets. */
export function placeName(spec: ServiceSpec): string {
  switch (spec.kind) {
    case 'gha':
      return `gha:${spec.scope}`;
    case 's3':
      return `s3:${spec.bucket}/${spec.prefix}${spec.names[0] ?? ''}`;
    case 'azblob':
      return `azblob:${joined(spec.account, spec.container, spec.prefix, spec.names[0] ?? '')}`;
  }
}

/** Names with one slash between them. */
export function joined(...parts: readonly string[]): string {
  return parts.flatMap((part) => part.split('/').filter((name) => name !== '')).join('/');
}
