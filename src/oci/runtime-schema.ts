import * as z from 'zod/mini';

import type {
  CapabilitySets,
  LinuxConfig,
  ProcessConfig,
  ResourceConfig,
  RuntimeConfig,
  SeccompConfig,
} from './runtime-spec.ts';
import { hookStages } from './hook-stages.ts';
import { seccompActions, seccompOperators } from './seccomp-words.ts';

/** The spec lets most lists be left out; the types of this runtime always have them. */
function listOr<T extends z.core.$ZodType>(schema: T) {
  return z.pipe(
    z.optional(z.nullable(z.array(schema))),
    z.transform((value) => value ?? []),
  );
}

const noCapabilities: CapabilitySets = {
  bounding: [],
  effective: [],
  permitted: [],
  inheritable: [],
  ambient: [],
};

let made: z.ZodMiniType<RuntimeConfig> | undefined;

/**
 * runtime-spec config.md: what this runtime reads of a bundle's config.json; members it does not read are kept. Made when
 * first asked for: most commands never read a bundle.
 */
export function runtimeConfigSchema(): z.ZodMiniType<RuntimeConfig> {
  return (made ??= makeSchema());
}

function makeSchema(): z.ZodMiniType<RuntimeConfig> {
  const string = z.string();
  const strings = z.array(string);
  const id = z.int().check(z.minimum(0), z.maximum(0xffff_ffff));
  const optionalStrings = z.optional(strings);

  const capabilities = z.looseObject({
    bounding: listOr(string),
    effective: listOr(string),
    permitted: listOr(string),
    inheritable: listOr(string),
    ambient: listOr(string),
  });

  const processSchema: z.ZodMiniType<ProcessConfig> = z.looseObject({
    terminal: z.optional(z.boolean()),
    consoleSize: z.optional(z.looseObject({ height: z.int(), width: z.int() })),
    cwd: string.check(z.startsWith('/', { error: 'not an absolute path' })),
    env: listOr(string),
    args: strings.check(z.minLength(1)),
    rlimits: z.optional(z.array(z.looseObject({ type: string, soft: z.number(), hard: z.number() }))),
    user: z.looseObject({
      uid: id,
      gid: id,
      umask: z.optional(z.int()),
      additionalGids: z.optional(z.array(id)),
    }),
    capabilities: z.pipe(
      z.optional(capabilities),
      z.transform((value) => value ?? noCapabilities),
    ),
    noNewPrivileges: z.optional(z.boolean()),
    oomScoreAdj: z.optional(z.int()),
    apparmorProfile: z.optional(string),
    selinuxLabel: z.optional(string),
  });

  const mapping = z.looseObject({ containerID: id, hostID: id, size: id });
  const device = z.looseObject({
    path: string,
    type: z.enum(['c', 'b', 'u', 'p']),
    major: z.int(),
    minor: z.int(),
    fileMode: z.optional(z.int()),
    uid: z.optional(id),
    gid: z.optional(id),
  });

  const resources: z.ZodMiniType<ResourceConfig> = z.looseObject({
    devices: z.optional(
      z.array(
        z.looseObject({
          allow: z.boolean(),
          type: z.optional(z.enum(['a', 'c', 'b'])),
          major: z.optional(z.int()),
          minor: z.optional(z.int()),
          access: z.optional(string),
        }),
      ),
    ),
    memory: z.optional(
      z.looseObject({
        limit: z.optional(z.number()),
        reservation: z.optional(z.number()),
        swap: z.optional(z.number()),
        swappiness: z.optional(z.number()),
        disableOOMKiller: z.optional(z.boolean()),
      }),
    ),
    cpu: z.optional(
      z.looseObject({
        shares: z.optional(z.number()),
        quota: z.optional(z.number()),
        period: z.optional(z.number()),
        cpus: z.optional(string),
        mems: z.optional(string),
      }),
    ),
    pids: z.optional(z.looseObject({ limit: z.number() })),
    blockIO: z.optional(z.looseObject({ weight: z.optional(z.number()) })),
  });

  const seccomp: z.ZodMiniType<SeccompConfig> = z.looseObject({
    defaultAction: z.enum(seccompActions),
    defaultErrnoRet: z.optional(z.int()),
    architectures: optionalStrings,
    flags: optionalStrings,
    syscalls: z.optional(
      z.array(
        z.looseObject({
          names: strings,
          action: z.enum(seccompActions),
          errnoRet: z.optional(z.int()),
          args: z.optional(
            z.array(
              z.looseObject({
                index: z.int().check(z.minimum(0), z.maximum(5)),
                value: z.number(),
                valueTwo: z.optional(z.number()),
                op: z.enum(seccompOperators),
              }),
            ),
          ),
        }),
      ),
    ),
  });

  const linux: z.ZodMiniType<LinuxConfig> = z.looseObject({
    namespaces: listOr(
      z.looseObject({
        type: z.enum(['pid', 'network', 'mount', 'ipc', 'uts', 'user', 'cgroup', 'time']),
        path: z.optional(string),
      }),
    ),
    uidMappings: z.optional(z.array(mapping)),
    gidMappings: z.optional(z.array(mapping)),
    devices: z.optional(z.array(device)),
    cgroupsPath: z.optional(string),
    resources: z.optional(resources),
    sysctl: z.optional(z.record(string, string)),
    seccomp: z.optional(seccomp),
    rootfsPropagation: z.optional(string),
    mountLabel: z.optional(string),
    maskedPaths: optionalStrings,
    readonlyPaths: optionalStrings,
  });

  const hooks = z.optional(
    z.array(
      z.looseObject({
        path: string.check(z.startsWith('/', { error: 'not an absolute path' })),
        args: optionalStrings,
        env: optionalStrings,
        timeout: z.optional(z.int().check(z.minimum(1))),
      }),
    ),
  );

  return z.looseObject({
    ociVersion: string,
    process: processSchema,
    root: z.looseObject({ path: string, readonly: z.optional(z.boolean()) }),
    hostname: z.optional(string),
    domainname: z.optional(string),
    mounts: listOr(
      z.looseObject({
        destination: string,
        type: z.optional(string),
        source: z.optional(string),
        options: optionalStrings,
        uidMappings: z.optional(z.array(mapping)),
        gidMappings: z.optional(z.array(mapping)),
      }),
    ),
    annotations: z.optional(z.record(string, string)),
    hooks: z.optional(z.looseObject(Object.fromEntries(hookStages.map((stage) => [stage, hooks])))),
    linux,
  });
}
