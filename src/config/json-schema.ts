/**
 * The JSON Schema of `tallyho.yaml`, made from the same settings that check it: editors complete and explain by it.
 * `tallyho.schema.json` is its text; a test holds the two equal.
 */
import * as v from 'valibot';
import { presetNames } from '../patterns/presets.ts';
import { patternSchema } from './pattern-list.ts';
import { configSchema } from './schema.ts';

type Json = Readonly<Record<string, unknown>>;

/** What `setting`, `section` and their kin leave in the metadata. */
interface Notes {
  readonly schema?: Json;
  readonly entries?: Readonly<Record<string, v.GenericSchema>>;
  readonly description?: string;
  readonly shorthand?: string;
  readonly anyOf?: readonly v.GenericSchema[];
  readonly item?: v.GenericSchema;
}

export function configJsonSchema(): Json {
  return { $schema: 'http://json-schema.org/draft-07/schema#', title: 'tallyho.yaml', ...toJson(configSchema) };
}

function toJson(schema: v.GenericSchema): Json {
  if (schema.type === 'optional') {
    const { wrapped, default: fallback } = schema as v.OptionalSchema<v.GenericSchema, unknown>;
    const inner = toJson(wrapped);
    return typeof fallback === 'string' || typeof fallback === 'number' ? { ...inner, default: fallback } : inner;
  }
  const notes = v.getMetadata(schema) as Notes;
  if (notes.item !== undefined) return { ...notes.schema, items: toJson(notes.item) };
  if (notes.schema !== undefined) return notes.schema;
  if (notes.anyOf !== undefined) return { anyOf: notes.anyOf.map(toJson) };
  return section(notes);
}

function section({ entries = {}, description, shorthand }: Notes): Json {
  const names = Object.keys(entries);
  const required = names.filter((name) => entries[name]?.type !== 'optional');
  const object = {
    type: 'object',
    description,
    properties: Object.fromEntries(
      names.map((name) => [name, name === 'patterns' ? patterns() : toJson(entries[name] as v.GenericSchema)]),
    ),
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  };
  if (shorthand === undefined) return object;
  return { anyOf: [{ type: 'string', description: `Its ${shorthand}.` }, object] };
}

function patterns(): Json {
  return {
    description: 'What to look for.',
    anyOf: [
      { enum: presetNames, description: 'The patterns that ship; sample is for some 1,000 rows.' },
      { type: 'string', description: 'Path of a YAML or JSON file with a list.' },
      { type: 'array', minItems: 1, items: toJson(patternSchema) },
    ],
  };
}
