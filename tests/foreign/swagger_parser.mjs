// Validates the documents named, with @apidevtools/swagger-parser from the folder named first.
import { createRequire } from 'node:module';
import path from 'node:path';

const [folder, ...documents] = process.argv.slice(2);
const { default: SwaggerParser } = await import(createRequire(path.join(folder, 'x.js')).resolve('@apidevtools/swagger-parser'));
for (const document of documents) {
  await SwaggerParser.validate(document);
}
console.log(`${documents.length} documents`);
