export * from "../datadog/mark.ts";
