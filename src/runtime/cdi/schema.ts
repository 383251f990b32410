import { z } from 'zod';

import { hookStages } from '../../oci/index.ts';
import { kindPattern } from './kind.ts';

/**
 * Specs of the Container Device Interface (cncf-tags/container-device-interface, SPEC.md). What a reader does not know
 * of an edit changes the container in ways unknown, so it is refused; annotations are for anybody.
 */

const id = z.number().int().min(0).max(0xffff_ffff);
const absolute = z.string().max(4096).startsWith('/');
const list = <T extends z.ZodType>(item: T) => z.array(item).max(1000).default([]);

const deviceNode = z.strictObject({
  path: absolute,
  hostPath: absolute.optional(),
  type: z.enum(['b', 'c', 'u', 'p', '']).optional(),
  major: z.number().int().min(0).max(0xfff).optional(),
  minor: z.number().int().min(0).max(0xf_ffff).optional(),
  fileMode: z.number().int().min(0).max(0o7777).optional(),
  permissions: z
    .string()
    .regex(/^[rwm]*$/)
    .optional(),
  uid: id.optional(),
  gid: id.optional(),
});

const mount = z.strictObject({
  hostPath: z.string().max(4096),
  containerPath: absolute,
  type: z.string().max(64).optional(),
  options: list(z.string().max(4096)),
});

const words = z.array(z.string().max(65_536)).max(1000);

const hook = z.strictObject({
  hookName: z.enum(hookStages),
  path: absolute,
  args: words.min(1).optional(),
  env: words.optional(),
  timeout: z.int().min(1).max(86_400).optional(),
});

const edits = z.strictObject({
  env: list(
    z
      .string()
      .max(65_536)
      .regex(/^[^=\0]+=/),
  ),
  deviceNodes: list(deviceNode),
  mounts: list(mount),
  additionalGids: list(id),
  // Read to be refused by name, unless they are allowed, when a device that has them is asked for.
  hooks: list(hook),
  // The same for these, always.
  netDevices: list(z.unknown()),
  intelRdt: z.unknown().optional(),
});

/** YAML writes `true` where the format wants text. */
const annotations = z
  .record(z.string().max(256), z.union([z.string(), z.number(), z.boolean()]).transform(String))
  .default({});

export const cdiSpec = z.strictObject({
  cdiVersion: z.string().regex(/^(?:v?0\.[3-9]\.0|v?1\.[0-9]\.0)$/),
  kind: z.string().max(256).regex(kindPattern()),
  annotations,
  devices: z
    .array(
      z.strictObject({
        name: z
          .string()
          .max(256)
          .regex(/^[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?$/),
        annotations,
        containerEdits: edits.prefault({}),
      }),
    )
    .max(10_000)
    .default([]),
  containerEdits: edits.prefault({}),
});

export type CdiSpec = z.infer<typeof cdiSpec>;
export type CdiEdits = CdiSpec['containerEdits'];
