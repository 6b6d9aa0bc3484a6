"""HTTP/1.1 without TLS on asyncio: uvicorn with httptools, made strict and bounded."""
