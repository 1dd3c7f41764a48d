/** Manifests are imported as text: `import x from "./x.yaml" with { type: "text" }`. Bun embeds them when it compiles. */
declare module "*.yaml" {
  const text: string;

  export = text;
}
