import { TsbuildError } from '../core/index.ts';

/** Of containers-transports(5): where podman and buildah push as well, and a registry is not. */
const otherTransports = [
  'containers-storage',
  'dir',
  'docker-archive',
  'docker-daemon',
  'oci',
  'oci-archive',
  'ostree',
  'sif',
];

/** The name in a registry that `[docker://]NAME` says. Throws USAGE for the other transports. */
export function pushDestination(text: string): string {
  const [transport = ''] = text.split(':', 1);
  if (otherTransports.includes(transport) && text.includes(':')) {
    throw new TsbuildError('USAGE', `push goes to registries only, not to ${transport}:`, {
      hint: 'tsbuild save writes archives and layouts',
    });
  }
  return text.replace(/^docker:\/\//, '');
}
