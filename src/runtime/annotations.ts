import type { ImageConfig } from '../oci/types.ts';

/**
 * The annotations of a container made from an image (image-spec conversion.md, "Annotation Fields"): what the config
 * says about the image, and its labels, which win where both have a name.
 */
export function imageAnnotations(image: ImageConfig): Record<string, string> {
  const { config = {} } = image;
  const ports = Object.keys(config.ExposedPorts ?? {}).sort();
  const fields: Readonly<Record<string, string | undefined>> = {
    os: image.os,
    architecture: image.architecture,
    variant: image.variant,
    'os.version': image['os.version'],
    'os.features': image['os.features']?.join(','),
    author: image.author,
    created: image.created,
    stopSignal: config.StopSignal,
    exposedPorts: ports.join(','),
  };
  const implied = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[`org.opencontainers.image.${name}`, value] as const],
  );
  return { ...Object.fromEntries(implied), ...config.Labels };
}
