import type { Json } from '../../core/index.ts';
import type { MountConfig } from '../../oci/runtime-spec.ts';
import type { Store } from '../../store/index.ts';
import { volumeData } from '../volumes/index.ts';
import type { ContainerRecord } from './types.ts';

/** `Mounts` of docker's inspect: volumes, binds and what lies in memory. */
export function mountsJson(store: Store, record: ContainerRecord, binds: readonly MountConfig[]): Json {
  const volumes = record.volumes ?? [];
  const ofVolumes = new Set(volumes.map(({ destination }) => destination));
  return [
    ...volumes.map(({ name, destination, readOnly }) => ({
      Type: 'volume',
      Name: name,
      Source: volumeData(store, name),
      Destination: destination,
      Driver: 'local',
      Mode: readOnly ? 'ro' : '',
      RW: !readOnly,
      Propagation: '',
    })),
    ...binds.filter(({ destination }) => !ofVolumes.has(destination)).map(bindJson),
    ...Object.keys(record.asked?.tmpfs ?? {}).map((destination) => ({
      Type: 'tmpfs',
      Source: '',
      Destination: destination,
      Mode: '',
      RW: true,
      Propagation: '',
    })),
  ];
}

function bindJson({ source = '', destination, options = [] }: MountConfig): Json {
  const readOnly = options.includes('ro');
  const propagation = options.find((word) => /^r?(private|slave)$/.test(word)) ?? 'rprivate';
  return {
    Type: 'bind',
    Source: source,
    Destination: destination,
    Mode: readOnly ? 'ro' : '',
    RW: !readOnly,
    Propagation: propagation,
  };
}
