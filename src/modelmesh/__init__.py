"""Ask for a capability, not a vendor: requests in OpenAI's shape over pools of AI models."""
