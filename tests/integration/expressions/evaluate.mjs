/* Evaluates expressions with GitHub's package. usage: node evaluate.mjs PACKAGE_DIRECTORY <LINES
 * The first line holds the contexts, a JSON object; each other one an expression, a JSON string. Each
 * becomes a line: "= value" as JSON with NaN, Infinity and -0.0, or "! message". */
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const at = (name) => pathToFileURL(`${process.argv[2]}/dist/${name}.js`).href;
const { Lexer } = await import(at("lexer"));
const { Parser } = await import(at("parser"));
const { Evaluator } = await import(at("evaluator"));
const data = await import(at("data/index"));
const { reviver } = await import(at("data/reviver"));

function number(n) {
	return Object.is(n, -0) ? "-0.0" : String(n);
}

function text(v) {
	switch (v.kind) {
	case data.Kind.Number:
		return number(v.value);
	case data.Kind.Array:
		return `[${v.values().map(text).join(",")}]`;
	case data.Kind.Dictionary:
		return `{${v.pairs().map((p) => `${JSON.stringify(p.key)}:${text(p.value)}`).join(",")}}`;
	case data.Kind.Null:
		return "null";
	default:
		return JSON.stringify(v.value);
	}
}

function evaluate(expression) {
	const { tokens } = new Lexer(expression).lex();
	const tree = new Parser(tokens, contexts.pairs().map((p) => p.key), []).parse();
	if (!tree)
		throw new Error("empty");
	return text(new Evaluator(tree, contexts).evaluate());
}

const [first, ...lines] = readFileSync(0, "utf8").trimEnd().split("\n");
const contexts = JSON.parse(first, reviver);
const out = lines.map((line) => {
	try {
		return `= ${evaluate(JSON.parse(line))}`;
	} catch (e) {
		return `! ${JSON.stringify(e.message)}`;
	}
});
process.stdout.write(out.join("\n") + "\n");
