import { getSchema } from '@tiptap/core';
import { expect, test } from 'vitest';
// The server is tested with the same file (src/collab/schema/rich/tests.rs): what it takes, no editor deletes.
import shapes from '../../../../src/collab/schema/rich/fits.json';
import { nodesAndMarks } from '../../src/editor/schema';

const { fits, unfit } = shapes as { fits: object[]; unfit: { doc: object }[] };
const schema = getSchema(nodesAndMarks((text) => text));
const check = (json: object) => schema.nodeFromJSON(json).check();

test.each(fits.map((doc) => [JSON.stringify(doc)]))('editors keep %s', (doc) => {
  expect(() => check(JSON.parse(doc) as object)).not.toThrow();
});

test.each(unfit.map(({ doc }) => [JSON.stringify(doc)]))('editors would delete something of %s', (doc) => {
  expect(() => check(JSON.parse(doc) as object)).toThrow();
});
