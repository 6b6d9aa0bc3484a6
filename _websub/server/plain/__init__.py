"""HTTP/1.1 without TLS on asyncio, whose bytes come by callbacks: uvicorn with httptools, made strict and bounded."""
