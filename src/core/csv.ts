/**
 * The fields of one line of comma-separated values (RFC 4180): one in double quotes may hold commas, a doubled quote in it
 * is one. Undefined where a quote is misplaced.
 */
export function splitCsv(text: string): readonly string[] | undefined {
  const fields: string[] = [];
  let position = 0;
  for (;;) {
    if (text[position] === '"') {
      const quoted = /"((?:[^"]|"")*)"/y;
      quoted.lastIndex = position;
      const match = quoted.exec(text);
      const end = quoted.lastIndex;
      if (match === null || (end < text.length && text[end] !== ',')) return undefined;
      fields.push((match[1] ?? '').replaceAll('""', '"'));
      position = end;
    } else {
      const comma = text.indexOf(',', position);
      const field = text.slice(position, comma < 0 ? undefined : comma);
      if (field.includes('"')) return undefined;
      fields.push(field);
      position = comma < 0 ? text.length : comma;
    }
    if (position >= text.length) return fields;
    position++;
  }
}
