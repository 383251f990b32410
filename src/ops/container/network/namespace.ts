import type { LinuxConfig } from '../../../oci/runtime-spec.ts';
import type { ContainerSpec } from '../../../runtime/index.ts';
import type { NetworkNamespace } from '../../../sys/index.ts';

/** The container in a network namespace that is there. */
export function inNamespace(spec: ContainerSpec, { path }: Pick<NetworkNamespace, 'path'>): ContainerSpec {
  const namespaces = spec.config.linux.namespaces.map((each) =>
    each.type === 'network' ? { type: each.type, path } : each,
  );
  return withLinux(spec, { namespaces });
}

export function withLinux(spec: ContainerSpec, changes: Partial<LinuxConfig>): ContainerSpec {
  return { ...spec, config: { ...spec.config, linux: { ...spec.config.linux, ...changes } } };
}
